"""Twilio's signatures, held against Twilio's own validator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from api.doors.telephone.twilio.signature import is_signed, signed

SECRET = "12345678901234567890123456789012"
URLS = (
    "https://phone.example.org/phone/twilio/voice",
    "https://phone.example.org:8443/phone/twilio/voice",
    "https://phone.example.org/phone/twilio/outgoing?call=1&x=%20",
    "wss://phone.example.org/phone/twilio",
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


@given(st.sampled_from(URLS), st.dictionaries(texts.filter(bool), texts, max_size=6))
def test_what_twilio_signs_is_valid_and_what_we_sign_is_valid_to_twilio(url: str, fields: dict[str, str]) -> None:
    validator = RequestValidator(SECRET)
    theirs = validator.compute_signature(url, fields)
    assert is_signed([SECRET], url, fields.items(), theirs)
    assert validator.validate(url, fields, signed(SECRET, url, fields.items()))
    assert not is_signed(["another secret"], url, fields.items(), theirs)
    assert not is_signed([SECRET], url + "/", fields.items(), theirs)
    assert not is_signed([SECRET], url, [*fields.items(), ("From", "+1")], theirs)


@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_the_port_does_not_matter(port: str) -> None:
    signature = RequestValidator(SECRET).compute_signature(f"https://phone.example.org{port}/x", {})
    for other in ("", ":443", ":8443"):
        url = f"https://phone.example.org{other}/x"
        ours, theirs = is_signed([SECRET], url, [], signature), RequestValidator(SECRET).validate(url, {}, signature)
        assert ours == bool(theirs), (port, other)


def test_a_field_twice_counts_once_for_each_value() -> None:
    class Repeated(dict[str, str]):
        def getlist(self, name: str) -> list[str]:
            return ["b", "a", "b"]

    theirs = RequestValidator(SECRET).compute_signature(URLS[0], Repeated(Event="a"))
    assert is_signed([SECRET], URLS[0], [("Event", "b"), ("Event", "a"), ("Event", "b")], theirs)


def test_a_shared_key_signs_by_another_algorithm() -> None:
    header = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    theirs = RequestValidator("shared").compute_signature(URLS[0], {"a": "b"}, "HMAC_SHA256")
    assert is_signed([SECRET, "shared"], URLS[0], [("a", "b")], theirs, header)
    assert not is_signed([SECRET], URLS[0], [("a", "b")], theirs, header)
    assert not is_signed(["shared"], URLS[0], [("a", "b")], theirs)
    assert not is_signed(["shared"], URLS[0], [("a", "b")], theirs, "key=1,algorithm=HMAC_MD5")


@pytest.mark.parametrize("signature", ["", "AAAA", "ä", "=" * 10_000])
def test_what_is_no_signature(signature: str) -> None:
    assert not is_signed([SECRET], URLS[0], [], signature)
    assert not is_signed([], URLS[0], [], signature)
