"""Calls that we make, from the request to Twilio to the record: to a person, a machine, a carrier that fails."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from api.client.carrier import CarrierAccount, CarrierCall, ringing
from api.doors.telephone.twilio.dialing import dial, outgoing
from api.doors.telephone.webhooks import CarrierUnreachable
from models.records.telephone import PhoneCall
from tests.api.doors.telephone.twilio.scene import NUMBER, PUBLIC, PhoneService, phone_service, spoken
from tests.servers.twilio import TOKEN

CALLED, MESSAGE = "+15557654321", "Please call us back."
HELLO = spoken("slt/turns/07")
RECORDING = (spoken("slt/clinic/01") * 4)[: 8_000 * 6]
"""Six seconds of speech, as an answering machine has."""


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneService]:
    folder = tmp_path_factory.mktemp("outgoing")
    with phone_service(folder, stt="fixed", phone_dial_prefixes=("+1555",), phone_dials_per_minute=100) as running:
        yield running


@pytest.fixture(autouse=True)
def _carrier_as_new(phone: PhoneService) -> None:
    phone.twilio.requests.clear()
    phone.twilio.answers = ""


@dataclass(slots=True)
class Asked(CarrierAccount):
    """An account that was asked to call, and what it asks once somebody has answered."""

    answered: str = ""

    @property
    def voice_url(self) -> str:
        """The URL of the request."""
        return self.answered


def made(phone: PhoneService, **options: Any) -> tuple[PhoneCall, CarrierCall]:
    """Ask Twilio for a call; return its record, and the carrier's side of it, which somebody answers."""
    inside = phone.service.inside
    wanted = outgoing(CALLED, NUMBER, message=MESSAGE, practice="The worried parent", **options)
    record: PhoneCall = phone.inside(dial(inside.settings, inside.store, wanted))
    (form,) = phone.twilio.asked("/Calls.json")
    account = Asked(phone.service.url, PUBLIC, TOKEN, answered=form["Url"][0])
    call = CarrierCall(account, NUMBER, CALLED)
    call.call_sid = f"CA{record.id.replace('-', '')}"
    return record, call


@pytest.mark.slow
def test_a_person_who_answers_is_answered(phone: PhoneService) -> None:
    record, call = made(phone)

    async def story() -> None:
        phone.twilio.follow(call)
        async with ringing(call):
            await call.until(lambda: len(call.speaker.played) > 8_000)
            assert not call.speaker.is_playing, "who calls listens first"
            call.say(HELLO)
            assert await call.until(lambda: call.speaker.is_playing)
            call.hang_up()
        assert call.speaker.errors == []

    asyncio.run(story())
    found = asyncio.run(phone.ended(call.call_sid))
    assert found.id == record.id
    assert (found.direction, found.called, found.reason) == ("out", CALLED, "caller")
    roles = [role for role, _ in phone.said(call.call_sid)]
    assert roles[:2] == ["user", "assistant"]


@pytest.mark.slow
def test_a_machine_is_left_its_message_once_and_the_call_ends(phone: PhoneService) -> None:
    record, call = made(phone)

    async def story() -> None:
        phone.twilio.follow(call)
        async with ringing(call):
            await call.until(lambda: bool(call.speaker.played))
            call.say(RECORDING)
            assert await call.until(lambda: call.speaker.is_playing)
            assert not call.speaking, "not into its greeting"
            assert await call.until(lambda: call.over.is_set())
        assert 0.5 < call.speaker.voiced.count(1) / 8_000 < 6, "the message, once"

    asyncio.run(story())
    found = asyncio.run(phone.ended(call.call_sid))
    assert (found.id, found.reason) == (record.id, "machine")


@pytest.mark.parametrize("answers", [404, 429, 500, pytest.param("hang", marks=pytest.mark.slow)])
def test_a_carrier_that_does_not_call_is_said_and_recorded(phone: PhoneService, answers: Any) -> None:
    phone.twilio.answers = answers
    with pytest.raises(CarrierUnreachable) as refusal:
        made(phone)
    assert ("does not answer" if answers == "hang" else f"refused with {answers}") in str(refusal.value)
    assert TOKEN not in str(refusal.value)
    store = phone.service.inside.store
    latest = phone.inside(store.phone_calls(1))[0]
    assert (latest.direction, latest.called, latest.reason) == ("out", CALLED, "refused")
    assert phone.post("outgoing?call=" + latest.id, {"CallSid": "CA1"}).text.count("<Hangup") == 1, "not taken later"
