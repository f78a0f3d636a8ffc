"""A carrier's requests come to any gateway: its call has its stream at one of them, and the next one at another."""

import asyncio
from collections.abc import Iterator
from itertools import cycle

import pytest

from api.client.carrier import CarrierAccount, CarrierCall, ringing
from api.doors.telephone.calling import Incoming
from tests.api.doors.telephone.twilio.scene import CALLER, HUMAN, NUMBER, PUBLIC, PhoneService
from tests.scale.neighbours import neighbours
from tests.servers.twilio import ACCOUNT, TOKEN, Twilio, twilio_running
from tests.service import RunningService, http

pytestmark = pytest.mark.slow

DIALPLAN = "secret-of-the-dialplan"


class BalancedAccount(CarrierAccount):
    """An account whose requests come to one gateway after the other."""

    def __init__(self, gateways: list[RunningService]) -> None:
        self._urls = cycle([gateway.url for gateway in gateways])
        super().__init__("", PUBLIC, TOKEN)

    @property
    def url(self) -> str:  # type: ignore[override]
        """The gateway whose turn it is."""
        return next(self._urls)

    @url.setter
    def url(self, _: str) -> None:
        pass


@pytest.fixture(scope="module")
def twilio() -> Iterator[Twilio]:
    with twilio_running() as server:
        yield server


@pytest.fixture(scope="module")
def phones(twilio: Twilio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[PhoneService]]:
    chosen = {
        "phone_url": PUBLIC,
        "twilio_auth_token": TOKEN,
        "twilio_account_sid": ACCOUNT,
        "twilio_base_url": twilio.url,
        "stt": "fixed",
        "phone_asterisk_secret": DIALPLAN,
    }
    with neighbours(tmp_path_factory.mktemp("phones"), **chosen) as services:
        made = [PhoneService(service, twilio) for service in services]
        made[0].number(human=HUMAN)
        for phone in made:
            phone.inside(phone.desk.numbers.load())
        yield made


def call_of(phones: list[PhoneService], first: int) -> CarrierCall:
    """A call whose webhook comes to this gateway, its stream to the other, and so on."""
    services = [phone.service for phone in phones]
    ordered = services[first:] + services[:first]
    return phones[0].twilio.follow(CarrierCall(BalancedAccount(ordered), CALLER, NUMBER))


async def freed(phones: list[PhoneService]) -> None:
    for phone in phones:
        await phone.until(lambda phone=phone: len(phone.desk) == 0 and not len(phone.service.inside.calls))


@pytest.mark.parametrize("first", [0, 1])
def test_a_webhook_at_one_gateway_announces_a_stream_at_the_other(phones: list[PhoneService], first: int) -> None:
    async def story() -> None:
        call = call_of(phones, first)
        async with ringing(call):
            assert await call.until(lambda: call.speaker.is_playing)
            assert len(phones[1 - first].desk) == 1
            call.hang_up()
        assert (await phones[0].ended(call.call_sid)).reason == "caller"
        await freed(phones)

    asyncio.run(story())


def test_the_end_of_a_call_is_told_to_the_gateway_that_has_it(phones: list[PhoneService]) -> None:
    """The carrier's word comes while the stream is still there, and frees its place."""

    async def story() -> None:
        call = call_of(phones, 0)
        async with ringing(call):
            assert await call.until(lambda: call.speaker.is_playing)
            form = {"CallSid": call.call_sid, "CallStatus": "completed"}
            assert (await asyncio.to_thread(phones[0].post, "status", form)).status_code == 204
            await freed(phones)
        assert (await phones[0].ended(call.call_sid)).reason == "caller"

    asyncio.run(story())


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("first", [0, 1])
def test_a_transfer_is_answered_or_comes_back_at_another_gateway(
    phones: list[PhoneService], first: int, answered: bool
) -> None:
    async def story() -> None:
        call = call_of(phones, first)
        call.dial_status = "completed" if answered else "no-answer"
        async with ringing(call):
            assert await call.until(lambda: call.speaker.is_playing)
            call.press("0")
            if answered:
                await call.over.wait()
            else:
                assert await call.until(lambda: call.streams == 2)
                assert await call.quiet(1)
                call.hang_up()
        assert call.dialled == [HUMAN]
        assert call.verbs[:2] == ["Connect", "Dial"]
        assert (await phones[0].ended(call.call_sid)).reason == ("transfer" if answered else "caller")
        await freed(phones)
        said = [text for _, text in phones[0].said(call.call_sid)]
        assert len(said) == len(set(said)), "it goes on, and does not greet again"
        assert any("could not put you through" in text for text in said) is not answered

    asyncio.run(story())


def test_a_ticket_is_good_once_at_whichever_gateway(phones: list[PhoneService]) -> None:
    incoming = Incoming("twilio", "CA1", CALLER, NUMBER)
    ticket = phones[0].service.ask(lambda _: phones[0].desk.tickets.issue(incoming))
    assert phones[1].inside(phones[1].desk.announced_by(ticket)) == incoming
    for phone in phones:
        assert phone.inside(phone.desk.announced_by(ticket)) is None
        assert phone.inside(phone.desk.announced_by("")) is None


def test_the_dialplan_asks_any_gateway(phones: list[PhoneService]) -> None:
    name = "4f6a2a52-6d0e-4f43-9a55-0f2f4c1f9b11"
    near, far = (phone.service.app.state.phone_listeners.asterisk for phone in phones)

    def ask(phone: PhoneService, path: str = "", **fields: str) -> str:
        form = {"secret": DIALPLAN, "uuid": name, **fields}
        answer = http.post(f"{phone.service.url}/phone/asterisk{path}", data=form)
        assert answer.status_code == 200, answer.text
        return answer.text

    assert ask(phones[1], **{"from": CALLER, "to": NUMBER}) == "OK"
    announced = phones[0].service.ask(lambda _: near.incoming("audiosocket", name))
    assert (announced.caller, announced.called) == (CALLER, NUMBER)
    phones[0].service.ask(lambda _: near.go_on(name, HUMAN))
    assert phones[1].service.ask(lambda _: far.next_of(name)) == ""
    assert [ask(phones[1], "/next") for _ in range(2)] == [HUMAN, ""]
    assert ask(phones[1], "/over") == "OK", "of a call that is at none"
