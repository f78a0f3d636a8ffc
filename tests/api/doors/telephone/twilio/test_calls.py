"""Whole calls from the carrier's side, over real sockets: greeting, answers, keys, transfers, the end."""

import asyncio
from collections.abc import Iterator

import pytest

from api.client.carrier import ringing
from tests.api.doors.telephone.twilio.scene import HUMAN, PhoneService, phone_service, spoken


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneService]:
    with phone_service(tmp_path_factory.mktemp("phone"), stt="fixed") as running:
        yield running


@pytest.fixture(autouse=True)
def _carrier_as_new(phone: PhoneService) -> None:
    phone.twilio.requests.clear()
    phone.twilio.answers = ""


def test_a_call_is_greeted_answered_and_hung_up(phone: PhoneService) -> None:
    async def story() -> None:
        call = phone.call()
        async with ringing(call):
            assert await call.until(lambda: call.speaker.is_playing)
            assert len(call.speaker.played) < 8_000 * 2, "within a second, or two on a slow machine"
            assert await call.quiet(1)
            call.say(spoken("slt/turns/01"))
            assert await call.until(lambda: not call.speaking)
            assert await call.until(lambda: call.speaker.is_playing)
            call.hang_up()
        assert call.speaker.errors == []
        assert call.verbs == ["Connect"]
        record = await phone.ended(call.call_sid)
        assert record.reason == "caller"
        roles = [role for role, _ in phone.said(call.call_sid)]
        assert roles[:3] == ["assistant", "user", "assistant"]
        assert phone.twilio.requests == [], "who has hung up need not be hung up"

    asyncio.run(story())


def test_barge_in_clears_what_the_caller_would_still_hear(phone: PhoneService) -> None:
    async def story() -> None:
        call = phone.call()
        async with ringing(call):
            assert await call.until(lambda: len(call.speaker.marks) > 10)
            call.say(spoken("slt/turns/07"))
            assert await call.until(lambda: bool(call.speaker.clears))
            heard_to = call.speaker.clears[0]
            assert heard_to - call.spoken_at[0] < 8_000, "the loudspeaker is silent soon"
            assert await call.until(lambda: not call.speaking)
            call.hang_up()
        assert call.speaker.errors == []

    asyncio.run(story())


@pytest.mark.parametrize("how", ["rest", "closing"])
def test_the_persona_hangs_up_after_her_last_word(phone: PhoneService, how: str) -> None:
    async def story() -> None:
        phone.number(silence_s=[1], greeting="Hello.")
        phone.twilio.answers = "" if how == "rest" else 500
        call = phone.call()
        async with ringing(call):
            assert await call.until(lambda: call.over.is_set())
        assert phone.said(call.call_sid)[-1][1].endswith("Goodbye.")
        record = await phone.ended(call.call_sid)
        assert record.reason == "silence"
        assert phone.twilio.asked(f"{call.call_sid}.json") == [{"Status": ["completed"]}]
        assert call.verbs == (["Connect"] if how == "rest" else ["Connect", "Redirect", "Hangup"])
        tail = call.speaker.voiced[-8_000:].rfind(b"\x01")
        assert tail < 8_000 - 8 * 200, "the last word was heard, and a moment"
        assert not call.speaker.is_playing

    asyncio.run(story())


@pytest.mark.parametrize("answered", [True, False])
def test_a_transfer_by_the_key_0_that_is_answered_or_comes_back(phone: PhoneService, answered: bool) -> None:
    async def story() -> None:
        phone.number(human=HUMAN, greeting="Hello.")
        call = phone.call()
        call.dial_status = "completed" if answered else "busy"
        async with ringing(call):
            assert await call.until(lambda: bool(call.speaker.marks))
            call.press("0")
            if answered:
                assert await call.until(lambda: call.over.is_set())
            else:
                assert await call.until(lambda: call.streams == 2)
                assert await call.quiet(1)
                call.hang_up()
        assert call.dialled == [HUMAN]
        record = await phone.ended(call.call_sid)
        said = [text for _, text in phone.said(call.call_sid)]
        assert "One moment, I will put you through." in said
        assert any("could not put you through" in text for text in said) is not answered
        assert record.reason == ("transfer" if answered else "caller")

    asyncio.run(story())


def test_a_lost_stream_is_taken_up_again_by_the_same_call(phone: PhoneService) -> None:
    async def story() -> None:
        phone.number()
        call = phone.call()
        async with ringing(call):
            assert await call.until(lambda: len(call.speaker.marks) > 3)
            call.drop()
            assert await call.until(lambda: call.streams == 2)
            assert await call.quiet(1)
            call.hang_up()
        await phone.ended(call.call_sid)
        assert call.verbs == ["Connect", "Redirect", "Connect"]
        assert len(phone.said(call.call_sid)) == 1, "the greeting went on"

    asyncio.run(story())


def test_twilio_records_from_the_announcement_on_until_the_caller_presses_9(phone: PhoneService) -> None:
    inside = phone.service.inside

    async def story() -> None:
        phone.number(record=True, announce="This call is recorded.", greeting="Hello.", silence_s=[])
        call = phone.call()
        async with ringing(call):
            assert await call.until(lambda: bool(phone.twilio.asked("/Recordings.json")))
            assert len(call.speaker.marks) > 3, "after the announcement"
            (asked,) = phone.twilio.asked(f"/Calls/{call.call_sid}/Recordings.json")
            assert asked["RecordingChannels"] == ["dual"]
            assert asked["RecordingStatusCallback"] == ["https://phone.example.org/phone/twilio/recording"]
            call.press("9")
            assert await call.until(lambda: bool(phone.twilio.asked("/Recordings/Twilio.CURRENT.json")))
            call.hang_up()
        assert phone.twilio.asked("/Recordings/Twilio.CURRENT.json") == [{"Status": ["stopped"]}]
        assert await phone.ended(call.call_sid)

    as_it_was = inside.settings
    inside.settings = as_it_was.model_copy(update={"twilio_recording": True})
    try:
        asyncio.run(story())
    finally:
        inside.settings = as_it_was
        phone.number()
