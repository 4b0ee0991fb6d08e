"""Receipts: which PDUs are some, and what they say in all the forms met with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppd.smpp import receipt as receipt_module
from smppd.smpp.pdu import DataSm, DeliverSm
from smppd.smpp.receipt import FINAL_STATES, DeliveryReceipt, ReceiptReader
from smppd.smpp.vocabulary import MOST_CHARACTERS, MessageState, TlvTag

STANDARD = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2611211000 done date:2611211001 "
    b"stat:DELIVRD err:000 text:Hola"
)
ID = int(TlvTag.RECEIPTED_MESSAGE_ID)
STATE = int(TlvTag.MESSAGE_STATE)
ERROR = int(TlvTag.NETWORK_ERROR_CODE)
PAYLOAD = int(TlvTag.MESSAGE_PAYLOAD)


def deliver(
    text: bytes = b"", *tlvs: tuple[int, bytes], esm_class: int = 4, data_coding: int = 0
) -> DeliverSm:
    return DeliverSm(
        source_addr="34600000001",
        destination_addr="ACME",
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=text,
        tlvs=tlvs,
    )


def receipt(
    text: bytes = b"", *tlvs: tuple[int, bytes], esm_class: int = 4, data_coding: int = 0
) -> DeliveryReceipt:
    read = ReceiptReader().read(deliver(text, *tlvs, esm_class=esm_class, data_coding=data_coding))
    assert read is not None
    return read


def test_a_receipt_as_in_appendix_b_is_read_whole() -> None:
    assert receipt(STANDARD) == DeliveryReceipt(
        message_id="0123456789",
        alternative_id="",
        state=MessageState.DELIVERED,
        final=True,
        error="000",
        submit_date="2611211000",
        done_date="2611211001",
        source="34600000001",
        raw=STANDARD,
    )


# ── which PDUs are receipts ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("esm_class", [0x04, 0x44, 0x84, 0x06, 0x07, 0x20, 0x24, 0x60])
def test_the_message_type_bits_tell_a_receipt_whatever_the_others_are(esm_class: int) -> None:
    assert receipt(STANDARD, esm_class=esm_class).message_id == "0123456789"


@pytest.mark.parametrize("esm_class", [0x00, 0x03, 0x40, 0x08, 0x10, 0x18, 0x0C, 0x3C])
def test_the_text_alone_makes_no_receipt(esm_class: int) -> None:
    assert ReceiptReader().read(deliver(STANDARD, esm_class=esm_class)) is None


@pytest.mark.parametrize(
    ("esm_class", "is_receipt"),
    [(0x00, True), (0x03, True), (0x40, True), (0x08, False), (0x10, False)],
)
def test_a_receipted_message_id_makes_one_unless_a_handset_acknowledges(
    esm_class: int, is_receipt: bool
) -> None:
    read = ReceiptReader().read(deliver(b"", (ID, b"77\0"), esm_class=esm_class))
    assert (read is not None) is is_receipt


@pytest.mark.parametrize("value", [b"", b"\0"])
def test_an_empty_receipted_message_id_makes_no_receipt(value: bytes) -> None:
    assert ReceiptReader().read(deliver(STANDARD, (ID, value), esm_class=0)) is None


def test_data_sm_carries_receipts_too() -> None:
    pdu = DataSm(
        source_addr="34600000001",
        destination_addr="ACME",
        esm_class=4,
        tlvs=((PAYLOAD, STANDARD),),
    )
    read = ReceiptReader().read(pdu)

    assert read is not None
    assert read == receipt(STANDARD)
    assert ReceiptReader().read(DataSm(tlvs=((PAYLOAD, STANDARD),))) is None


def test_the_text_may_stand_in_message_payload() -> None:
    assert receipt(b"", (PAYLOAD, STANDARD)) == receipt(STANDARD)


# ── the text ────────────────────────────────────────────────────────────────────────────────────

DELIVERED = MessageState.DELIVERED


@pytest.mark.parametrize(
    ("text", "message_id", "state", "error", "submit_date", "done_date"),
    [
        # lower and upper case of keys and words
        ("id:1 stat:delivrd err:000", "1", DELIVERED, "000", "", ""),
        ("ID:1 SUB:001 STAT:DELIVRD ERR:000 TEXT:", "1", DELIVERED, "000", "", ""),
        ("Id:1 Submit Date:26112110 Done Date:26112111 Stat:Expired", "1", MessageState.EXPIRED,
         "", "26112110", "26112111"),
        # fields missing, one by one to nothing at all
        ("id:1 submit date:2611211000 done date:2611211001 stat:DELIVRD err:000 text:x", "1",
         DELIVERED, "000", "2611211000", "2611211001"),
        ("id:1 stat:DELIVRD", "1", DELIVERED, "", "", ""),
        ("id:1", "1", None, "", "", ""),
        ("stat:UNDELIV", "", MessageState.UNDELIVERABLE, "", "", ""),
        ("", "", None, "", "", ""),
        ("delivered", "", None, "", "", ""),
        # no text, text:none, errors of other lengths and signs
        ("id:1 sub:001 dlvrd:001 stat:DELIVRD err:0 text:none", "1", DELIVERED, "0", "", ""),
        ("id:1 stat:UNDELIV err:-1 text:", "1", MessageState.UNDELIVERABLE, "-1", "", ""),
        ("id:1 stat:REJECTD err:0x45", "1", MessageState.REJECTED, "0x45", "", ""),
        # dates of 12 and 14 digits, and written otherwise
        ("id:1 sub:1 dlvrd:1 submit date:261121100059 done date:20261121100101 stat:DELIVRD err:0",
         "1", DELIVERED, "0", "261121100059", "20261121100101"),
        ("id:1 submit date:2026-11-21 10:00:00 done date:21/11/26 10:01 stat:DELIVRD", "1",
         DELIVERED, "", "2026-11-21 10:00:00", "21/11/26 10:01"),
        # spaces after and before the colon, other separators, padding at the end
        ("id: 1 sub: 001 stat: DELIVRD err: 000 text: x", "1", DELIVERED, "000", "", ""),
        ("id :1 stat :DELIVRD", "1", DELIVERED, "", "", ""),
        ("id:1,stat:DELIVRD;err:000|done date:26", "1", DELIVERED, "000", "", "26"),
        ("id:1\r\nstat:DELIVRD\r\nerr:000\r\n\0", "1", DELIVERED, "000", "", ""),
        ("  id:1 stat:DELIVRD  ", "1", DELIVERED, "", "", ""),
        # other orders and keys that nobody knows
        ("stat:DELIVRD err:000 done date:26 id:1 text:id:2", "1", DELIVERED, "000", "", "26"),
        ("id:1 nnc:21401 stat:DELIVRD mccmnc:214 err:000", "1", DELIVERED, "000", "", ""),
        ("id:1 done date:2611211001 nnc:7 stat:DELIVRD", "1", DELIVERED, "", "", "2611211001"),
        ("id:x-err:5/stat:2 stat:DELIVRD", "x-err:5/stat:2", DELIVERED, "", "", ""),
        ("dlr id:1 final status:DELIVRD", "1", DELIVERED, "", "", ""),
        # ids are opaque
        ("id:abc.def/1@x-{0}:9 sub:001 stat:DELIVRD", "abc.def/1@x-{0}:9", DELIVERED, "", "", ""),
        (f"id:{'F' * 70} stat:DELIVRD", "F" * 70, DELIVERED, "", "", ""),
        ("id:caf\xe9\xa01 stat:DELIVRD", "caf\xe9\xa01", DELIVERED, "", "", ""),
        ("valid:7 stat:DELIVRD", "", DELIVERED, "", "", ""),
    ],
)  # fmt: skip
def test_text_variants(
    text: str,
    message_id: str,
    state: MessageState | None,
    error: str,
    submit_date: str,
    done_date: str,
) -> None:
    read = receipt(text.encode("latin-1"))

    assert (read.message_id, read.state, read.error) == (message_id, state, error)
    assert (read.submit_date, read.done_date) == (submit_date, done_date)
    assert read.raw == text.encode("latin-1")


@pytest.mark.parametrize(
    ("word", "state", "final"),
    [
        ("DELIVRD", MessageState.DELIVERED, True),
        ("DELIVERED", MessageState.DELIVERED, True),
        ("Delivered", MessageState.DELIVERED, True),
        ("DELIVER", MessageState.DELIVERED, True),
        ("deliver", MessageState.DELIVERED, True),
        ("EXPIRED", MessageState.EXPIRED, True),
        ("DELETED", MessageState.DELETED, True),
        ("UNDELIV", MessageState.UNDELIVERABLE, True),
        ("UNDELIVERABLE", MessageState.UNDELIVERABLE, True),
        ("UNDELIVERED", MessageState.UNDELIVERABLE, True),
        ("FAILED", MessageState.UNDELIVERABLE, True),
        ("REJECTD", MessageState.REJECTED, True),
        ("rejected", MessageState.REJECTED, True),
        ("SKIPPED", MessageState.SKIPPED, True),
        ("ACCEPTD", MessageState.ACCEPTED, False),
        ("ACCEPTED", MessageState.ACCEPTED, False),
        ("ACKED", MessageState.ACCEPTED, False),
        ("ENROUTE", MessageState.ENROUTE, False),
        ("BUFFERED", MessageState.ENROUTE, False),
        ("BUFFRED", MessageState.ENROUTE, False),
        ("SCHEDULED", MessageState.SCHEDULED, False),
        ("UNKNOWN", MessageState.UNKNOWN, False),
        ("0", MessageState.SCHEDULED, False),
        ("1", MessageState.ENROUTE, False),
        ("2", MessageState.DELIVERED, True),
        ("002", MessageState.DELIVERED, True),
        ("5", MessageState.UNDELIVERABLE, True),
        ("8", MessageState.REJECTED, True),
        ("10", None, False),
        ("-1", None, False),
        ("9" * 5000, None, False),
        ("DELIVERY_FAILED", None, False),
        ("FOO", None, False),
        ("", None, False),
    ],
)
def test_state_words(word: str, state: MessageState | None, final: bool) -> None:
    read = receipt(f"id:1 stat:{word}".encode())

    assert (read.state, read.final) == (state, final)


def test_the_words_of_the_message_are_not_those_of_the_receipt() -> None:
    mine = b"id:1 sub:001 dlvrd:001 submit date:26 done date:26 stat:DELIVRD err:000 text:"
    theirs = b"id:999 stat:UNDELIV err:045 done date:99"

    read = receipt(mine + theirs)
    assert (read.message_id, read.state, read.error) == ("1", DELIVERED, "000")

    read = receipt(b"id:1 text:" + theirs)
    assert (read.message_id, read.state, read.error) == ("1", None, "")


def test_of_repeated_keys_the_first_counts() -> None:
    read = receipt(b"id:1 stat:DELIVRD id:2 stat:UNDELIV")
    assert (read.message_id, read.state) == ("1", DELIVERED)


def test_octets_after_text_may_be_anything() -> None:
    read = receipt(STANDARD[:-4] + "Привет id:9".encode("utf-16-be"))
    assert (read.message_id, read.state) == ("0123456789", DELIVERED)


@pytest.mark.parametrize("codec", ["ascii", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("data_coding", [0, 8])
def test_the_octets_decide_how_a_receipt_is_coded_not_its_data_coding(
    codec: str, data_coding: int
) -> None:
    read = receipt(STANDARD.decode().encode(codec), data_coding=data_coding)

    assert (read.message_id, read.state, read.error) == ("0123456789", DELIVERED, "000")
    assert read.done_date == "2611211001"


def test_a_header_before_the_text_is_passed_over() -> None:
    read = receipt(b"\x05\x00\x03\x01\x01\x01" + STANDARD, esm_class=0x44)
    assert (read.message_id, read.state) == ("0123456789", DELIVERED)


# ── the TLVs ────────────────────────────────────────────────────────────────────────────────────


def test_tlvs_alone_make_a_whole_receipt() -> None:
    read = receipt(b"", (ID, b"7F\0"), (STATE, b"\x05"), (ERROR, b"\x03\x00\x2d"))

    assert (read.message_id, read.alternative_id) == ("7F", "")
    assert (read.state, read.final) == (MessageState.UNDELIVERABLE, True)
    assert read.error == "045"


def test_tlvs_come_before_the_text_and_the_texts_id_is_kept() -> None:
    read = receipt(
        b"id:127 stat:ENROUTE err:001 done date:26",
        (ID, b"7F\0"),
        (STATE, b"\x02"),
        (ERROR, b"000"),
    )

    assert (read.message_id, read.alternative_id) == ("7F", "127")
    assert (read.state, read.final) == (DELIVERED, True)
    assert (read.error, read.done_date) == ("000", "26")


def test_the_same_id_in_both_is_no_alternative() -> None:
    assert receipt(STANDARD, (ID, b"0123456789\0")).alternative_id == ""


def test_of_repeated_tlvs_the_first_counts() -> None:
    assert receipt(b"", (ID, b"1\0"), (ID, b"2\0")).message_id == "1"


@pytest.mark.parametrize(
    ("value", "message_id"),
    [(b"123\0", "123"), (b"123", "123"), (b"123\0\0", "123"), (b"12\x003\0", "12"), (b"", "")],
)
def test_an_id_ends_at_its_nul_or_where_the_tlv_does(value: bytes, message_id: str) -> None:
    assert receipt(b"", (ID, value)).message_id == message_id


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (b"\x02", DELIVERED),
        (b"\x00\x00\x00\x02", DELIVERED),
        (b"\x09", MessageState.SKIPPED),
        (b"\x00", MessageState.SCHEDULED),
        (b"", MessageState.EXPIRED),
        (b"\x63", MessageState.EXPIRED),
        (b"\x02\x00\x00\x00\x00", MessageState.EXPIRED),
    ],
)
def test_a_state_of_another_length_is_read_and_nonsense_leaves_it_to_the_text(
    value: bytes, state: MessageState
) -> None:
    assert receipt(b"id:1 stat:EXPIRED", (STATE, value)).state == state


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"\x03\x00\x00", "000"),
        (b"\x03\x01\x00", "256"),
        (b"045", "045"),
        (b"", "777"),
        (b"\x03", "777"),
        (b"\x03\x00\x00\x01", "777"),
    ],
)
def test_an_error_code_is_three_octets_or_three_digits_else_the_texts(
    value: bytes, error: str
) -> None:
    assert receipt(b"id:1 stat:UNDELIV err:777", (ERROR, value)).error == error


# ── what is final, and what never happens ───────────────────────────────────────────────────────


@pytest.mark.parametrize("word", ["DELIVRD", "UNDELIV", "ACCEPTD", "ENROUTE"])
def test_an_intermediate_notification_is_never_final(word: str) -> None:
    assert receipt(f"id:1 stat:{word}".encode(), esm_class=0x20).final is False
    assert receipt(b"id:1", (STATE, b"\x02"), esm_class=0x20).final is False


def test_the_states_that_may_still_change_are_not_final() -> None:
    assert set(MessageState) - FINAL_STATES == {
        MessageState.SCHEDULED,
        MessageState.ENROUTE,
        MessageState.ACCEPTED,
        MessageState.UNKNOWN,
    }


_WORDS = st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), min_size=7, max_size=7)
_NUMBERS = st.text(st.sampled_from("0123456789"), min_size=10, max_size=14)
_IDS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), min_size=1, max_size=70)


@given(_IDS.map(lambda text: text.replace(" ", "_")), _NUMBERS, _NUMBERS, _WORDS, st.binary())
def test_the_short_way_and_the_search_agree_on_the_standard_form(
    message_id: str, submitted: str, done: str, word: str, rest: bytes
) -> None:
    text = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:{submitted} done date:{done} "
        f"stat:{word} err:0A1 text:"
    ) + rest.decode("latin-1")

    fields = receipt_module._read_text(text.encode("latin-1"))
    assert fields == receipt_module._scan(text)
    assert fields[1:] == (submitted, done, word, "0A1")


@given(
    st.binary(max_size=200) | st.lists(
        st.sampled_from(
            [b"id:", b"stat:", b"err:", b"text:", b"done date:", b" ", b"\0", b"DELIVRD", b"\xff", b":"]
        )
    ).map(b"".join),
    st.lists(st.tuples(st.sampled_from([ID, STATE, ERROR, PAYLOAD]), st.binary(max_size=20))),
    st.integers(0, 255),
)  # fmt: skip
def test_nothing_that_an_smsc_sends_is_too_strange_to_read(
    text: bytes, tlvs: list[tuple[int, bytes]], esm_class: int
) -> None:
    read = ReceiptReader().read(deliver(text, *tlvs, esm_class=esm_class))

    assert read is None or not read.final or read.state in FINAL_STATES


def test_words_without_end_are_cut() -> None:
    long = "9" * 30_000
    text = f"id:{long} submit date:{long} done date:{long} stat:DELIVRD err:{long}".encode()
    tlvs = ((0x1E, b"8" * 60_000), (0x204, b"\xff" * 60_000), (0x423, b"1" * 60_000))
    for told in ((), tlvs):
        pdu = DeliverSm(esm_class=0x04, source_addr=long, short_message=text, tlvs=told)
        found = ReceiptReader().read(pdu)
        assert found is not None
        assert found.state is MessageState.DELIVERED
        assert found.reference is None
        words = (
            found.message_id,
            found.alternative_id,
            found.submit_date,
            found.done_date,
            found.error,
            found.source,
        )
        assert {len(word) for word in words} <= {0, MOST_CHARACTERS}


@pytest.mark.parametrize(("length", "ordinary"), [(11, True), (255, True), (256, False)])
def test_an_address_without_end_is_in_no_ordinary_receipt(length: int, ordinary: bool) -> None:
    said = "id:7 sub:001 dlvrd:001 submit date:2611210000 done date:2611210001 stat:DELIVRD err:000"
    before = f"\0\1\1{'9' * length}\0\1\1456\0\x04{chr(0) * 8}{chr(len(said))}{said}"
    found = ReceiptReader().peek(before.encode("latin-1"), before, 0, len(before))
    assert (found is not None) is ordinary
