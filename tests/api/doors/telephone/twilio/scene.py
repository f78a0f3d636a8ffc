"""A service that Twilio reaches, and a caller on the carrier's side of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from api.client.carrier import CarrierAccount, CarrierCall, signature
from api.doors.telephone.desk import Desk
from api.doors.telephone.numbers import entry_of
from models.records.telephone import PhoneCall
from tests.servers.twilio import ACCOUNT, TOKEN, Twilio, twilio_running
from tests.service import WAIT_S, RunningService, http, running
from tests.voice.sound import recording
from voice.audio.g711 import mulaw_encode
from voice.audio.resample import resample

PUBLIC = "https://phone.example.org"
NUMBER, CALLER, HUMAN = "+15551230000", "+15559990000", "+15557770000"


@dataclass
class PhoneService:
    """A running service with a telephone, and its carrier."""

    service: RunningService
    twilio: Twilio

    @property
    def account(self) -> CarrierAccount:
        """The carrier's side of the number."""
        return CarrierAccount(self.service.url, PUBLIC, TOKEN)

    @property
    def desk(self) -> Desk:
        """The desk, to look at."""
        desk: Desk = self.service.app.state.telephone
        return desk

    def inside(self, story: Awaitable[Any]) -> Any:
        """Await something on the service's own loop."""

        async def awaited() -> Any:
            return await story

        return asyncio.run_coroutine_threadsafe(awaited(), self.service.loop).result(WAIT_S)

    def number(self, number: str = NUMBER, **fields: Any) -> None:
        """Add or change a number."""
        entry = entry_of({"number": number, "practice": "The worried parent", **fields})
        self.inside(self.service.inside.store.add_phone_number(entry, replace=True))

    def call(self, called: str = NUMBER, caller: str = CALLER, **options: Any) -> CarrierCall:
        """A call that is about to ring."""
        return self.twilio.follow(CarrierCall(self.account, caller, called, **options))

    def record(self, call_sid: str) -> PhoneCall | None:
        """The record of a call."""
        found: PhoneCall | None = self.inside(self.service.inside.store.phone_call_of("twilio", call_sid))
        return found

    async def ended(self, call_sid: str) -> PhoneCall:
        """Wait until a call's record is closed; return it."""
        async with asyncio.timeout(WAIT_S):
            while (record := await asyncio.to_thread(self.record, call_sid)) is None or record.ended_at is None:
                pass
            return record

    def said(self, call_sid: str) -> list[tuple[str, str]]:
        """What the call's chat holds, as (role, text)."""
        record = self.record(call_sid)
        assert record is not None
        assert record.chat_id is not None
        messages = self.inside(self.service.inside.store.messages(record.chat_id))
        return [(one.role, one.text) for one in messages]

    def post(self, path: str, form: dict[str, str], *, sign: bool | str = True) -> httpx.Response:
        """A webhook, signed."""
        url = f"{PUBLIC}/phone/twilio/{path}"
        headers = {}
        if sign:
            headers["X-Twilio-Signature"] = sign if isinstance(sign, str) else signature(TOKEN, url, form)
        return http.post(f"{self.service.url}/phone/twilio/{path}", data=form, headers=headers)

    async def until(self, look: Callable[[], Any]) -> Any:
        """Wait until something inside is so."""
        return await self.service.until(lambda _: look())


@contextmanager
def phone_service(folder: Path, **chosen: Any) -> Iterator[PhoneService]:
    """A service with a number, and Twilio's REST interface beside it."""
    with (
        twilio_running() as twilio,
        running(
            folder,
            phone_url=PUBLIC,
            twilio_auth_token=TOKEN,
            twilio_account_sid=ACCOUNT,
            twilio_base_url=twilio.url,
            **chosen,
        ) as service,
    ):
        phone = PhoneService(service, twilio)
        phone.number()
        yield phone


def spoken(name: str) -> bytes:
    """A packaged recording as a telephone sends it: mu-law."""
    return mulaw_encode(resample(recording(name), 16_000, 8_000))
