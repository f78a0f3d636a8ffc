"""The texts of media streams: what is no message is a typed error at every carrier's line, however it is nested."""

import pytest

from api.doors.line import ProtocolError
from api.doors.telephone.asterisk_ws import parse_control
from api.doors.telephone.media_texts import event_in, number_in, text_of


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("not json", "invalid_json"),
        ("", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        ("[" * 10_000, "invalid_json"),
        ('{"event":' * 10_000, "invalid_json"),
        (b"[" * 10_000, "invalid_json"),
        ("\udc80", "invalid_json"),
        ("[]", "invalid_message"),
        ("null", "invalid_message"),
        ('{"event": 5}', "invalid_message"),
    ],
)
def test_what_is_no_message_is_a_typed_error(message: str | bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        event_in(message)
    assert refused.value.code == code


def test_a_control_message_of_asterisk_is_read_as_carefully() -> None:
    with pytest.raises(ProtocolError):
        parse_control('{"event":' * 10_000)


def test_what_is_rendered_is_read_again() -> None:
    assert event_in(text_of({"event": "mark", "mark": {"name": "t3:1240"}})) == {
        "event": "mark",
        "mark": {"name": "t3:1240"},
    }


@pytest.mark.parametrize(
    ("value", "read"), [("12", 12), (12, 12), (None, None), ("-1", None), ("٣", None), ("1" * 400, None), (1.5, None)]
)
def test_a_number_may_be_written_as_a_text(value: object, read: int | None) -> None:
    assert number_in({"chunk": value}, "chunk") == read
