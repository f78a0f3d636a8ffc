"""The hearing and the speaking of a session, put together from its settings."""

import asyncio
from collections.abc import Callable

from pipeline.call.settings import Engines, SessionSettings
from pipeline.call.tools import call_tools
from pipeline.conversation.conversation import Conversation, MessageLog
from pipeline.conversation.events import SessionEvent
from pipeline.conversation.waterfall import Waterfall
from pipeline.hearing.ear import Ear
from pipeline.hearing.transcripts import Transcripts
from pipeline.hearing.utterance import Utterance
from pipeline.speaking.hooks import Hooks
from pipeline.speaking.preparation import Speaker
from pipeline.speaking.replies import Replies
from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots
from pipeline.tasks.writer import Write
from pipeline.turn.events import Event


def tell(conversation: Conversation, settings: SessionSettings) -> None:
    """Have the conversation's replies follow these settings."""
    conversation.tools, conversation.tool_choice = call_tools(settings), settings.tool_choice
    conversation.instructions = settings.instructions
    conversation.voice, conversation.rate = settings.voice, settings.voice_rate
    conversation.max_tokens, conversation.expected_words = settings.max_tokens, settings.expected_words


def hearing_of(
    conversation: Conversation,
    engines: Engines,
    ear: Ear,
    settings: SessionSettings,
    call: str,
    *,
    slots: Slots,
    clock: Clock,
    waterfall: Waterfall,
    spoken: Callable[[], str],
    emit: Callable[[SessionEvent], None],
    feed: Callable[[Event], None],
) -> Transcripts:
    """Make what recognises the learner's words; `call` is the fairness key."""
    utterance = Utterance(
        engines.stt,
        call,
        conversation.vocabulary,
        language=settings.language or conversation.persona.voice.language,
        keep_all=settings.rules.manual,
        background=ear.background,
    )
    return Transcripts(
        utterance,
        engines.ending,
        call,
        slots=slots,
        clock=clock,
        waterfall=waterfall,
        pace=settings.pace(),
        transcript_s=settings.transcript_s,
        spoken=spoken,
        emit=emit,
        feed=feed,
    )


def speaking_of(
    conversation: Conversation,
    engines: Engines,
    ear: Ear,
    store: MessageLog,
    settings: SessionSettings,
    call: str,
    *,
    put: Callable[[Write], None],
    slots: Slots,
    clock: Clock,
    connected: asyncio.Event,
    new_id: Callable[[], str],
    hooks: Hooks,
) -> Replies:
    """Make what gives the persona's replies; `call` is the fairness key."""
    speaker = Speaker(
        engines.tts, engines.fallback, conversation.style, settings.output_rate_hz, call, settings.filler_s
    )
    return Replies(
        conversation,
        engines.responder,
        speaker,
        store,
        put,
        slots,
        clock,
        connected,
        new_id,
        hooks,
        text_only=settings.text_only,
        clears=lambda: settings.duck_clears and not ear.hears_echo,
    )
