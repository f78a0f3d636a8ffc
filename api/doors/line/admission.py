"""Authenticates the caller of an opening and finds its call, or refuses with an error and a close reason."""

from api.auth import check_right, grant_for
from api.auth.scopes import SPEAK
from api.doors.line.opening import (
    DEFAULT_INPUT,
    DEFAULT_OUTPUT,
    NAME_LIMIT,
    Bearer,
    Caller,
    DictationOnly,
    FreshAttempt,
    Known,
    OpenCall,
    Opening,
    Outsider,
    StandingChat,
)
from api.doors.line.packets import Packets
from api.doors.line.wire import Close, LineRefused
from api.service import Service
from models.errors import Invalid, ModelError, NotFound, StorageFailed
from models.records.core import Grant
from models.store.attempts import CHAT_NOT_FOUND
from pipeline.call.audio_clock import AudioClock
from pipeline.call.call import Call
from pipeline.errors import Busy, NotOwner, PipelineError, SessionConflict
from voice.audio.formats import AudioFormat
from voice.errors import VoiceError


async def grant_for_caller(service: Service, caller: Caller) -> Grant:
    """Find the caller's user and rights; an outsider is made a user when first met.

    Raises:
        Refused: the token opens nothing, or no calls, or the outsider has no name.
    """
    try:
        match caller:
            case Bearer(token, address):
                grant = await grant_for(service.store, service.settings, token, address)
                check_right(grant, SPEAK)
                return grant
            case Known(user, grant):
                return grant or Grant(user)
            case Outsider(provider, name):
                if not 0 < len(name.strip()) <= NAME_LIMIT:
                    raise Invalid(f"A caller's name has 1 to {NAME_LIMIT} characters.")
                return Grant(await service.store.user_named(f"{provider}:{name.strip()}"))
    except StorageFailed as error:
        raise LineRefused(error.code, str(error), Close.BUSY) from None
    except ModelError as error:
        raise LineRefused(error.code, str(error)) from None


async def call_of(service: Service, grant: Grant, opening: Opening) -> tuple[Call, bool]:
    """Find or open the call that an opening asks for.

    Returns:
        The call, which nobody attends, and whether it was open before.

    Raises:
        Refused: the formats cannot be used, the chat is not there or not the caller's, or its call is somebody's.
    """
    output = opening.output or DEFAULT_OUTPUT
    try:
        (opening.input or DEFAULT_INPUT).check()
        Packets(output, output.rate_hz, opening.pace.packet_ms)
        if opening.gaps is not None:
            AudioClock(opening.gaps, opening.input or DEFAULT_INPUT, 0.0)
        return await _call(service, grant, opening, output)
    except (Busy, StorageFailed) as error:
        raise LineRefused(error.code, str(error), Close.BUSY) from None
    except NotOwner:  # never reveals whether somebody else's chat exists
        raise LineRefused(NotFound.code, CHAT_NOT_FOUND) from None
    except (ModelError, PipelineError, VoiceError) as error:
        raise LineRefused(error.code, str(error)) from None


async def _call(service: Service, grant: Grant, opening: Opening, output: AudioFormat) -> tuple[Call, bool]:
    user = grant.user
    match opening.chat:
        case OpenCall(call):
            if call.attended or call.session.ended:
                raise SessionConflict("Another connection speaks in this chat; end that session first.")
            call.grant = grant
            return call, True
        case StandingChat(chat_id):
            await service.access.check(grant, SPEAK, chat_id=chat_id)
        case DictationOnly():
            chat_id = service.dictations.begin(user.id)
        case FreshAttempt(practice_id, home_id, position):
            service.access.check_practice(grant, practice_id)
            chat_id = await service.practice.spoken.begin_attempt(
                user.id, practice_id=practice_id, home_id=home_id, position=position
            )
            await service.access.started(grant, chat_id)
    made = service.session_settings(output_rate_hz=output.rate_hz, manual=opening.manual)
    async with service.access.opening(grant, chat_id, opening.resume) as persona_id:
        call, was_open = await service.practice.spoken.admit(
            user.id,
            chat_id,
            opening.input or (DEFAULT_INPUT if opening.resume is None else None),
            opening.settings(made),
            resume=opening.resume,
            persona_id=persona_id or opening.persona_id,
            draft_id=opening.draft_id,
        )
    call.grant = grant
    return call, was_open


def input_of(opening: Opening, call: Call) -> AudioFormat:
    """Return the input format: on resuming, the call's own unless the opening names one."""
    if opening.input is None and opening.resume is not None:
        return call.wire
    return opening.input or DEFAULT_INPUT


def output_of(opening: Opening, call: Call) -> AudioFormat:
    """Return the output format: on resuming, that of the call's latest line unless the opening names one."""
    if opening.output is None and opening.resume is not None and call.output is not None:
        return call.output
    return opening.output or DEFAULT_OUTPUT
