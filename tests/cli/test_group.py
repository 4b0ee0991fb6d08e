"""`smppd group`: what is asked of the provider, and what is said when something comes between."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from smppd.cli import main
from smppd.control import ControlRefused, ControlUnavailable
from smppd.provider.answers import Failure, NoAnswer, Success
from tests.cli.calling import Provider, Say, scripted


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    made = scripted(tmp_path, monkeypatch)
    made.answer("group.getgroupcolumns", Success(b'["mobile","name"]'))
    return made


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Five contacts, in the rows 2 to 6."""
    path = tmp_path / "x.csv"
    rows = "".join(f"3460000000{n},Ana {n}\n" for n in range(5))
    path.write_text(f"mobile,name\n{rows}")
    return str(path)


# ── load ─────────────────────────────────────────────────────────────────────────────────────


def test_contacts_are_loaded_lot_by_lot(
    provider: Provider, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", "load", "7", file, "--lot", "2", "--via", "second"]) == 0
    assert [len(lot) for lot in provider.lots()] == [2, 2, 1]
    assert provider.lots()[2] == [{"mobile": "34600000004", "name": "Ana 4"}]
    assert {(each.via, each.args["idgroup"]) for each in provider.asked} == {("second", "7")}
    assert capsys.readouterr() == (
        "2 of 5 rows are in\n4 of 5 rows are in\n5 of 5 rows are in\n"
        "5 contacts loaded into group 7\n",
        "",
    )


def test_for_programs_it_is_one_object(
    provider: Provider, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", "load", "7", file, "--json", "--from-row=4"]) == 0
    assert len(provider.lots()[0]) == 3
    assert json.loads(capsys.readouterr().out) == {
        "idgroup": "7",
        "contacts": 3,
        "loaded": 3,
        "in_doubt": None,
        "next_row": None,
        "error": None,
    }


def test_a_lot_whose_answer_is_lost_is_in_doubt_and_not_repeated(
    provider: Provider, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = NoAnswer("timed out after 30 s", sent=True)
    provider.answer("group.addcontactlist", Success(b"null"), lost)
    assert main(["group", "load", "7", file, "--lot=2"]) == 1
    assert len(provider.lots()) == 2
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "2 contacts loaded into group 7"
    again = f"  smppd group load 7 {file} --lot 2 --from-row"
    assert told.err.splitlines() == [
        "smppd: no answer: timed out after 30 s; it may have been done: look before you repeat it",
        "in the group: rows 2 to 3",
        "in doubt: rows 4 to 5; look with",
        "  smppd group show 7",
        "not in it: rows 6 to 6",
        "if those in doubt are in the group, go on with",
        f"{again} 6",
        "if they are not, go on with",
        f"{again} 4",
    ]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (NoAnswer("cannot connect", sent=False), "not sent: cannot connect"),
        (
            Failure("NOT_ACCESS_TO_GROUP", "You are not allowed into the indicated group"),
            "NOT_ACCESS_TO_GROUP: You are not allowed into the indicated group",
        ),
        (ControlRefused("too many connections"), "not sent: too many connections"),
    ],
)
def test_a_lot_that_is_refused_is_in_no_doubt(
    provider: Provider, file: str, answer: Say, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("group.addcontactlist", Success(b"null"), answer)
    assert main(["group", "load", "7", file, "--lot=3"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"smppd: {why}",
        "in the group: rows 2 to 4",
        "not in it: rows 5 to 6; go on with",
        f"  smppd group load 7 {file} --lot 3 --from-row 5",
    ]


@pytest.mark.parametrize(
    ("came", "says"),
    [
        (KeyboardInterrupt(), "interrupted before it came"),
        (ControlUnavailable("the daemon hung up", heard=True), "the daemon hung up"),
        (ControlRefused("the command 'api' failed", fault=True), "the command 'api' failed"),
    ],
)
def test_what_breaks_off_while_a_lot_is_under_way_leaves_it_in_doubt(
    provider: Provider,
    file: str,
    came: BaseException,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    provider.answer("group.addcontactlist", came)
    assert main(["group", "load", "7", file, "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "idgroup": "7",
        "contacts": 5,
        "loaded": 0,
        "in_doubt": [2, 6],
        "next_row": None,
        "error": {"code": "NO_ANSWER", "text": says, "sent": True},
    }
    assert "no row is left" in told.err


def test_how_to_go_on_keeps_what_was_asked_for(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "my list.csv"
    file.write_text("email,name\na@x.es,A\nb@x.es,B\nb@x.es,B\n")
    provider.answer("group.getgroupcolumns", Success(b"null"))
    provider.answer("group.addcontactlist", NoAnswer("gone", sent=False))
    config = str(tmp_path / "smppd.toml")
    words = ["--skip-bad", "--type=email", "--via=second", f"--config={config}"]
    assert main(["group", "load", "7", str(file), *words]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"  smppd group load 7 '{file}' --config {config} --via second --type email --skip-bad"
        " --from-row 2"
    )


def test_nothing_is_loaded_of_a_file_with_a_bad_row(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.csv"
    bad = "".join(f"x{n}\n" for n in range(21))
    file.write_text(f"mobile\n34600000000\n{bad}34600000000\n")
    assert main(["group", "load", "7", str(file)]) == 2
    assert provider.asked == []
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 22
    assert lines[0] == f"{file} row 3: mobile: a number has digits alone, behind a + or not"
    assert lines[20:] == [
        f"{file}: and 2 rows more",
        f"smppd: {file}: nothing was loaded: correct 21 bad rows and 1 duplicate, or leave them"
        " out with --skip-bad",
    ]


def test_bad_rows_are_left_out_where_that_is_asked_for(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("mobile\n34600000000\nx\n34600000000\n34600000001\n")
    assert main(["group", "load", "7", str(file), "--skip-bad"]) == 0
    assert provider.lots() == [[{"mobile": "34600000000"}, {"mobile": "34600000001"}]]
    assert capsys.readouterr().err.splitlines() == [
        f"{file} row 3: mobile: a number has digits alone, behind a + or not",
        f"{file} row 4: has the mobile of row 2",
    ]


def test_a_column_that_the_group_has_not_is_named_with_its_cure(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.csv"
    file.write_text("mobile,home town\n34600000000,Vigo\n")
    assert main(["group", "load", "7", str(file)]) == 2
    assert provider.lots() == []
    assert capsys.readouterr().err == (
        "smppd: the group has no column home town; it has mobile, name: rename it in the file's"
        " first row, or smppd api group.addcolumntogroup idgroup=7 field='home town'\n"
    )


@pytest.mark.parametrize("columns", [b"null", b"[]", b'{"a":1}', b'[{"id":1}]', b'"mobile"'])
def test_columns_in_a_form_that_nobody_knows_hold_nothing_up(
    provider: Provider, file: str, columns: bytes
) -> None:
    provider.answer("group.getgroupcolumns", Success(columns))
    assert main(["group", "load", "7", file]) == 0
    assert len(provider.lots()) == 1


def test_a_group_that_cannot_be_had_is_not_loaded(
    provider: Provider, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("group.getgroupcolumns", Failure("NOT_ACCESS_TO_GROUP", "no"))
    assert main(["group", "load", "7", file]) == 1
    assert provider.lots() == []
    assert capsys.readouterr() == ("", "smppd: NOT_ACCESS_TO_GROUP: no\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--from-row=99"], "has no contact to load"),
        (["--lot=10001"], "'10001' is no number from 1 to 10000"),
        (["--type=email"], "its first row must name the field email; it names mobile, name"),
    ],
)
def test_what_cannot_be_meant_is_wrong_use(
    provider: Provider, file: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", "load", "7", file, *words]) == 2
    assert provider.asked == []
    assert says in capsys.readouterr().err


# ── create ───────────────────────────────────────────────────────────────────────────────────


def test_a_group_is_made_and_its_id_told(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("group.creategroup", Success(b'{"id":"12"}'))
    assert main(["group", "create", "Clientes", "--fields=mobile,name"]) == 0
    (asked,) = provider.asked
    assert asked.args == {"name": "Clientes", "type": "mobile", "fields": "mobile,name"}
    assert capsys.readouterr() == ("group Clientes is made: 12\n", "")


def test_a_group_without_an_id_says_how_to_go_on(
    provider: Provider, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", "create", "Clientes", "--type=email"]) == 0
    assert provider.asked[0].args == {"name": "Clientes", "type": "email", "fields": "email"}
    told = capsys.readouterr()
    assert told.out == "group Clientes is made\n"
    assert "look it up in the provider's panel, then smppd group load IDGROUP CSV" in told.err
    assert main(["group", "create", "Clientes", "--load", file]) == 1
    assert f"then smppd group load IDGROUP {file}" in capsys.readouterr().err
    assert provider.lots() == []


def test_a_group_is_made_with_the_fields_of_a_file_and_filled(
    provider: Provider, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("group.creategroup", Success(b"12"))
    assert main(["group", "create", "Clientes", "--load", file, "--lot=3"]) == 0
    assert provider.asked[0].args["fields"] == "mobile,name"
    assert [len(lot) for lot in provider.lots()] == [3, 2]
    assert provider.asked[-1].args["idgroup"] == "12"
    assert capsys.readouterr().out.splitlines()[-1] == "5 contacts loaded into group 12"


def test_a_file_that_does_not_fit_makes_no_group(
    provider: Provider, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", "create", "x", "--fields=mobile,city", "--load", file]) == 2
    assert "the group has no column name; it has mobile, city" in capsys.readouterr().err
    bad = tmp_path / "bad.csv"
    bad.write_text("mobile\nx\n")
    assert main(["group", "create", "x", "--load", str(bad)]) == 2
    assert provider.asked == []


# ── show ─────────────────────────────────────────────────────────────────────────────────────

CONTACTS = b'[{"idcontact":"1","mobile":"34600000001","name":"Ana, \\"A\\""}]'


def test_columns_and_contacts_are_shown(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("group.getcontacts", Success(CONTACTS))
    assert main(["group", "show", "7"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "columns: mobile, name",
        "idcontact  mobile       name",
        '1          34600000001  Ana, "A"',
        "1 contact",
    ]
    assert main(["group", "show", "7", "--csv"]) == 0
    assert capsys.readouterr().out == ('mobile,name,idcontact\n34600000001,"Ana, ""A""",1\n')
    assert main(["group", "show", "7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "columns": ["mobile", "name"],
        "contacts": json.loads(CONTACTS),
    }


def test_contacts_in_a_form_that_nobody_knows_are_shown_as_they_are(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("group.getcontacts", Success(b'"34600000001;34600000002"'))
    assert main(["group", "show", "7"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "34600000001;34600000002"
    assert main(["group", "show", "7", "--csv"]) == 1
    assert "no list of contacts: see --json" in capsys.readouterr().err


def test_csv_that_is_shown_can_be_loaded_again(
    provider: Provider, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    contact = {"mobile": "34600000001", "name": 'José\u00a0"P",\ta\nb;c\u200d'}
    provider.answer("group.getcontacts", Success(json.dumps([contact]).encode()))
    assert main(["group", "show", "7", "--csv"]) == 0
    file = tmp_path / "x.csv"
    file.write_bytes(capsysbinary.readouterr().out)
    assert main(["group", "load", "8", str(file)]) == 0
    assert provider.lots() == [[contact]]


def test_what_a_contact_is_called_is_no_formula(
    provider: Provider, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["=HYPERLINK(1)", "@SUM(1)", "+34 600-1", "-1+cmd|' /C calc'!A0", "-5", "'=x", "'n"]
    people = [{"mobile": f"3460000000{n}", "name": name} for n, name in enumerate(names)]
    provider.answer("group.getcontacts", Success(json.dumps(people).encode()))
    assert main(["group", "show", "7", "--csv"]) == 0
    shown = capsys.readouterr().out
    cells = [row["name"] for row in csv.DictReader(shown.splitlines())]
    assert cells == [
        *("'=HYPERLINK(1)", "'@SUM(1)", "+34 600-1", "'-1+cmd|' /C calc'!A0", "-5", "''=x", "'n")
    ]
    file = tmp_path / "x.csv"
    file.write_text(shown)
    assert main(["group", "load", "8", str(file)]) == 0
    assert provider.lots() == [people]


def test_contacts_cannot_steer_a_terminal(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("smppd.cli.terminal.Terminal.interactive", True)
    provider.answer("group.getcontacts", Success(b'[{"mobile":"1","name":"\\u001b[2J"}]'))
    for words in (["--csv"], [], ["--json"]):
        assert main(["group", "show", "7", *words]) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
        assert "[2J" in shown


# ── delete ───────────────────────────────────────────────────────────────────────────────────


def test_a_group_is_deleted_only_with_the_word_for_it(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", "delete", "7"]) == 2
    assert provider.asked == []
    assert (
        "--confirm: group 7 and every contact in it cannot be had back" in capsys.readouterr().err
    )
    assert main(["group", "delete", "7", "--confirm"]) == 0
    (asked,) = provider.asked
    assert (asked.op, asked.args, asked.confirm) == ("group.deletegroup", {"idgroup": "7"}, True)
    assert capsys.readouterr().out == "group 7 is deleted\n"


def test_a_lost_answer_to_it_is_said(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.answer("group.deletegroup", NoAnswer("timed out", sent=True))
    assert main(["group", "delete", "7", "--confirm"]) == 1
    assert capsys.readouterr().err == (
        "smppd: no answer: timed out; it may have been done: look before you repeat it\n"
    )
