"""Dials satellites and keeps them: a lost one is dialled again, and each conversation on one is a call."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from api.doors.line import Chat, Close, FreshAttempt, Line, LineOpened, ProtocolError, StandingChat
from api.doors.wyoming.follow_up import FollowUp
from api.doors.wyoming.frames import Frame
from api.doors.wyoming.link import SatelliteEnd, SatelliteLink
from api.doors.wyoming.satellite_dialect import (
    OUTPUT_HZ,
    SatelliteDialect,
    SatelliteWire,
    is_woken,
)
from api.doors.wyoming.satellites import Satellite, read_satellites
from api.doors.wyoming.wake import WakeGate
from api.service import Service
from models.errors import ModelError
from models.records.core import Persona, Practice
from pipeline.errors import NotOwner
from pipeline.practice.naming import addressed, named_practice, persona_of
from pipeline.tasks.clock import Clock, LoopClock
from voice.audio.formats import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, AudioFormat
from voice.errors import VoiceError

log = logging.getLogger(__name__)

REDIAL_S = 10.0
"""Seconds between two attempts to reach a satellite, and before the next call where one was refused."""

LOOK_S = 5.0
"""Seconds between two looks at the list of satellites."""


@asynccontextmanager
async def dialled(service: Service, clock: Clock | None = None) -> AsyncIterator[None]:
    """Dial the satellites of the settings and of the list, for the length of the block; only gateway 0 does."""
    if service.settings.gateway_number:
        yield
        return
    clock = clock or LoopClock()
    dialer = asyncio.create_task(_Dialer(service, clock).run(), name="satellites")
    try:
        yield
    finally:
        dialer.cancel()
        await asyncio.gather(dialer, return_exceptions=True)


class _Dialer:
    """Has a keeper for every satellite that is listed."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service, self._clock = service, clock
        self._keepers: dict[Satellite, asyncio.Task[None]] = {}
        self._complaint = ""

    async def run(self) -> None:
        try:
            while True:
                await self._look()
                await self._clock.sleep(LOOK_S)
        finally:
            for keeper in self._keepers.values():
                keeper.cancel()
            await asyncio.gather(*self._keepers.values(), return_exceptions=True)

    async def _look(self) -> None:
        settings = self._service.settings
        wanted = [Satellite(address, persona=name or "") for address, name in settings.satellite_addresses]
        try:
            wanted += await asyncio.to_thread(read_satellites, settings.data_dir)
            self._complaint = ""
        except ModelError as error:
            if str(error) != self._complaint:
                log.error("%s", error)
            self._complaint = str(error)
            return
        for satellite in set(self._keepers) - set(wanted):
            keeper = self._keepers.pop(satellite)
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        for satellite in wanted:
            if satellite not in self._keepers:
                keeping = SatelliteKeeper(self._service, satellite, self._clock).run()
                self._keepers[satellite] = asyncio.create_task(keeping, name=f"satellite {satellite.address}")


class SatelliteKeeper:
    """Keeps one satellite connected, and carries its calls.

    Args:
        service: has the calls.
        satellite: where it is, and who answers there.
        clock: the source of time.
    """

    def __init__(self, service: Service, satellite: Satellite, clock: Clock) -> None:
        self._service, self._satellite, self._clock = service, satellite, clock
        self._call: LineOpened | None = None
        self._complaint = ""

    async def run(self) -> None:
        """Dial the satellite whenever it is not connected, until cancelled."""
        while True:
            try:
                await self._visit()
                self._complain("The connection ended")
            except (OSError, TimeoutError, ProtocolError, ModelError, VoiceError) as error:
                self._complain(str(error) or type(error).__name__)
            except Exception:
                log.exception("The satellite %s could not be served.", self._satellite.address)
            await self._clock.sleep(REDIAL_S)

    def _complain(self, why: str) -> None:
        """Log a problem once, however often it comes again."""
        if why != self._complaint:
            log.warning("The satellite %s is away: %s; it is dialled again.", self._satellite.address, why.rstrip("."))
        self._complaint = why

    async def _visit(self) -> None:
        """Connect, and carry calls until the satellite has gone."""
        link = await SatelliteLink.dial(*self._satellite.host_and_port, self._clock)
        running = asyncio.create_task(link.run(), name="satellite link")
        wake = self._service.settings.wyoming_wake_place
        gate = None if wake is None else WakeGate(link, *wake, self._clock)
        waking = None if gate is None else asyncio.create_task(gate.run(), name="satellite wake word")
        serving = asyncio.create_task(self._serve(link, gate or link), name="satellite calls")
        try:
            await asyncio.wait({running, serving}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                # The line sees that the satellite has gone, and leaves the call to be resumed.
                await asyncio.wait({serving})
        finally:
            serving.cancel()
            if waking is not None:
                waking.cancel()
                await asyncio.gather(waking, return_exceptions=True)
            await asyncio.gather(serving, return_exceptions=True)
            with suppress(ConnectionError):
                await link.send(Frame("pause-satellite"))
            await link.close()
            running.cancel()
            outcomes = await asyncio.gather(serving, running, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _serve(self, direct: SatelliteLink, link: SatelliteEnd) -> None:
        info = await direct.described()
        satellite = info.get("satellite")
        satellite = satellite if isinstance(satellite, dict) else {}
        practice, persona = await self._answering()
        await link.send(Frame("run-satellite"))
        log.info("The satellite %s is connected.", self._satellite.address)
        self._complaint = ""
        woken, refused_at = False, -REDIAL_S
        follow_up = FollowUp(link, self._clock, triggers=bool(satellite.get("supports_trigger")))
        while (frame := await link.receive()) is not None:
            if frame.type == "run-pipeline":
                woken = is_woken(frame)
            elif frame.type == "audio-chunk" and self._clock.now() - refused_at >= REDIAL_S:
                wire = SatelliteWire(link)
                await self._call_by(wire, link, frame, practice, persona, follow_up, info, woken=woken)
                if wire.closed in (Close.NOT_ALLOWED, Close.BUSY, Close.REVOKED, Close.BROKEN):
                    refused_at = self._clock.now()

    async def _call_by(
        self,
        wire: SatelliteWire,
        link: SatelliteEnd,
        first: Frame,
        practice: Practice,
        persona: Persona,
        follow_up: FollowUp,
        info: dict[str, Any],
        *,
        woken: bool,
    ) -> None:
        """Carry one call from its first audio to its end."""
        user = await self._service.store.user_named(self._service.settings.wyoming_user)
        dialect = SatelliteDialect(
            user=user,
            chat=self._chat(user.id, practice),
            persona_id=persona.id,
            voice=persona.name,
            first=first,
            output=_output_of(info),
            language=persona.voice.language,
            woken=woken,
            follow_up=follow_up,
            link=link,
        )
        following = asyncio.create_task(follow_up.run(), name="satellite follow-up")
        try:
            await Line(wire, dialect, self._service, clock=self._clock).serve()
        finally:
            self._call = dialect.opened
            follow_up.heard()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def _chat(self, user_id: str, practice: Practice) -> Chat:
        """Return the chat of the next call: that of a call that is still open, or a new one."""
        if (call := self._call) is not None:
            with suppress(NotOwner):
                if self._service.calls.find(user_id, chat_id=call.chat_id) is not None:
                    return StandingChat(call.chat_id, call.resume)
        return FreshAttempt(practice.id)

    async def _answering(self) -> tuple[Practice, Persona]:
        store, satellite = self._service.store, self._satellite
        if not satellite.practice:
            return await addressed(store, satellite.persona or None)
        practice = await named_practice(store, satellite.practice)
        return practice, await persona_of(store, practice, satellite.persona or None)


def _output_of(info: dict[str, Any]) -> AudioFormat:
    """Return the format that a satellite's loudspeaker is set to, as far as it says so."""
    programs = info.get("snd")
    for program in programs if isinstance(programs, list) else ():
        shape = program.get("snd_format") if isinstance(program, dict) else None
        rate = shape.get("rate") if isinstance(shape, dict) else None
        if type(rate) is int and LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ:
            return AudioFormat("pcm16", rate)
    return AudioFormat("pcm16", OUTPUT_HZ)
