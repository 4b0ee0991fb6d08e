"""Contacts from CSV: what is read, and what of it is refused with its row."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest

from smppd.cli.contact_file import ContactFile, Flaw, read_contacts, read_octets
from smppd.cli.terminal import CommandError


def read(text: str, *, encoding: str = "utf-8") -> ContactFile:
    found = read_contacts(text.encode(encoding))
    assert isinstance(found, ContactFile), found
    return found


def contacts(file: ContactFile) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, msgspec.json.decode(row.contact)) for row in file.rows]


def test_the_header_names_the_fields_and_rows_are_numbered_as_in_a_spreadsheet() -> None:
    file = read('name,mobile,city\r\n"Núñez, Ana",34600000001,\r\n\r\nLuis,34600000002,Vigo\r\n')
    assert (file.fields, file.main, file.flaws) == (["name", "mobile", "city"], "mobile", [])
    assert contacts(file) == [
        (2, {"name": "Núñez, Ana", "mobile": "34600000001", "city": ""}),
        (4, {"name": "Luis", "mobile": "34600000002", "city": "Vigo"}),
    ]


def test_semicolons_and_a_byte_order_mark_are_taken() -> None:
    file = read("mobile;name\n34600000001;Ana, Luis\n", encoding="utf-8-sig")
    assert contacts(file) == [(2, {"mobile": "34600000001", "name": "Ana, Luis"})]


def test_a_cell_may_have_lines() -> None:
    file = read('mobile,note\n34600000001,"a\nb"\n34600000002,c')
    assert contacts(file)[0] == (2, {"mobile": "34600000001", "note": "a\nb"})
    assert contacts(file)[1][0] == 3


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("+34 600-000.001", "34600000001"),
        ("0034600000001", "34600000001"),
        (" 600 000 001 ", "600000001"),
        ("(600) 000001", "600000001"),
        ("+34\u00a0600000001", "34600000001"),
    ],
)
def test_a_number_is_sent_as_digits(written: str, sent: str) -> None:
    assert contacts(read(f"mobile\n{written}\n")) == [(2, {"mobile": sent})]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("34600o00001", "mobile: a number has digits alone, behind a + or not"),
        ("3.46E+10", "mobile: a number has digits alone, behind a + or not"),
        ("٣٤٦٠٠٠٠٠٠٠١", "mobile: a number has digits alone, behind a + or not"),
        ("123456", "mobile: the number has 6 digits; one has 7 to 15"),
        ("1234567890123456", "mobile: the number has 16 digits; one has 7 to 15"),
        ("34(0)600000001", "mobile: leave the (0) out"),
        ("+1", "mobile: the number has 1 digits; with its country code one has 7 to 15"),
    ],
)
def test_a_number_that_cannot_be_one_is_a_flaw(cell: str, says: str) -> None:
    file = read(f"mobile,name\n34600000001,a\n{cell},b\n,c\n")
    assert file.flaws == [Flaw(3, says), Flaw(4, "has no mobile")]
    assert len(file.rows) == 1


def test_a_group_of_addresses_has_addresses() -> None:
    found = read_contacts(b"email,mobile\na@x.es,1\nA@X.es,2\na@x,3\n,4\n", "email")
    assert isinstance(found, ContactFile)
    assert contacts(found) == [(2, {"email": "a@x.es", "mobile": "1"})]
    assert found.flaws == [
        Flaw(3, "has the email of row 2", duplicate=True),
        Flaw(4, "email: is no address"),
        Flaw(5, "has no email"),
    ]


def test_the_same_number_written_otherwise_is_a_duplicate_of_the_first() -> None:
    file = read("mobile\n34600000001\n34600000002\n+34 600 000 001\n0034600000001\n")
    assert [row.number for row in file.rows] == [2, 3]
    assert file.flaws == [
        Flaw(4, "has the mobile of row 2", duplicate=True),
        Flaw(5, "has the mobile of row 2", duplicate=True),
    ]


def test_a_row_must_have_the_cells_of_the_header() -> None:
    file = read("mobile,name\n34600000001\n34600000002,b,c\n34600000003,d\n")
    assert file.flaws == [
        Flaw(2, "has 1 cell, the header 2"),
        Flaw(3, "has 3 cells, the header 2"),
    ]
    assert [row.number for row in file.rows] == [4]


def test_a_cell_that_cannot_be_sent_is_a_flaw_of_its_row() -> None:
    file = read("mobile,name\n34600000001,a\x00b\n34600000002,c\n")
    (flaw,) = file.flaws
    assert flaw.row == 2
    assert flaw.text.startswith("field name ")
    assert [row.number for row in file.rows] == [3]


def test_what_stops_being_csv_is_a_flaw_of_its_row() -> None:
    file = read('mobile,name\n34600000001,a\n34600000002,"b\n34600000003,c\n')
    (flaw,) = file.flaws
    assert flaw.row == 3
    assert flaw.text.startswith("is no CSV, and nothing behind it can be read: ")


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "its first row must name the fields, like mobile,name"),
        (b"\n \n", "its first row must name the fields, like mobile,name"),
        (b"name,city\n", "its first row must name the field mobile or email; it names name, city"),
        (b"mobile,,name\n", "its first row names no field in column 2"),
        (b"mobile,name,name\n", "its first row names name twice"),
        (b"mobile\n\xff\n", "is not UTF-8 (octet 8): save it as CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_contact_list_says_why(octets: bytes, says: str) -> None:
    assert read_contacts(octets) == says


def test_the_main_field_that_is_asked_for_must_be_there() -> None:
    says = "its first row must name the field email; it names mobile"
    assert read_contacts(b"mobile\n34600000001\n", "email") == says


def test_a_file_or_standard_input_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(b"mobile\n")
    assert read_octets(str(file)) == b"mobile\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"email\n")))
    assert read_octets("-") == b"email\n"
    with pytest.raises(CommandError, match=r"/nowhere: cannot be read: No such file") as caught:
        read_octets("/nowhere")
    assert caught.value.exit_code == 2
