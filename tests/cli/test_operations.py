"""`smppd api --list` and `--help`: everything that the catalogue says of an operation."""

from __future__ import annotations

import json
import re

import pytest

from smppd.cli import main
from smppd.provider.catalogue import COMMON_ERRORS, OPERATIONS
from smppd.provider.operation import Api


def test_every_operation_is_listed_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api", "--list"]) == 0
    shown = capsys.readouterr().out
    for operation in OPERATIONS.values():
        assert re.search(rf"^  {operation.name} +{re.escape(operation.title)}$", shown, re.M)
    classes = re.findall(r"^(\w+): ", shown, re.M)
    assert classes == ["sms", "group", "chat", "contacts"]


def test_the_list_for_programs_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api", "--json", "--list"]) == 0
    listed = {each["op"]: each for each in json.loads(capsys.readouterr().out)}
    assert list(listed) == list(OPERATIONS)
    assert len(listed) == 27
    told = listed["sms.sendsmstogroup"]
    assert told["effect"] == "sends"
    assert told["repeated"] is False
    assert [each["name"] for each in told["params"] if each["required"]] == [
        "from",
        "countrycode",
        "idgroup",
        "sms",
    ]
    assert told["answer"]["nested"] == {"destinations": ["messageid", "destination"]}
    assert told["errors"]["NO_CREDITS"] == "Your balance is insufficient"
    assert listed["group.deletegroup"]["confirm"] is True
    assert listed["contacts.detail"]["errors"] == {}


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_help_of_an_operation_tells_all_that_is_documented(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = OPERATIONS[name]
    assert main(["api", name, "--help"]) == 0
    shown = capsys.readouterr().out
    usage = shown.splitlines()[0]
    for param in operation.params:
        need = "compulsory" if param.required else "optional"
        assert re.search(rf"^  {param.name} +{need} +{re.escape(param.about)}$", shown, re.M)
        assert f"like {param.example}" in shown
        assert (f" {param.name}=" in usage) is param.required
    for field in (*operation.answer.fields, *operation.answer.nested_fields):
        assert field in shown
    common = COMMON_ERRORS if operation.api is Api.PROVIDER else {}
    for code, text in {**operation.errors, **common}.items():
        assert re.search(rf"^  {code} +{re.escape(text)}$", shown, re.M)
    assert ("asked again after a lost answer" in shown) is operation.harmless
    assert ("--confirm" in usage) is operation.confirm


def test_help_may_stand_before_the_operation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api", "--help", "sms.sendsms"]) == 0
    assert capsys.readouterr().out.startswith("usage: smppd api sms.sendsms from=FROM")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["api"], "api takes CLASS.METHOD: smppd api --list shows every one"),
        (["api", "SMS.sendsm"], "there is no operation SMS.sendsm: did you mean sms.sendsms?"),
        (["api", "sms.fax"], "there is no operation sms.fax: smppd api --list shows every one"),
    ],
)
def test_wrong_use_is_one_line(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr() == ("", f"smppd: {says}\n")
