"""The persona's side of a call: replies are prepared, released, played out, held, cut, and stored as heard."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.store import MessageChanges
from pipeline.conversation.conversation import Conversation, MessageLog
from pipeline.conversation.events import (
    NothingSaid,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyStalled,
    ReplyText,
    ToolsCalled,
)
from pipeline.conversation.reply import ReplyContext, Responder
from pipeline.conversation.tools import FunctionCall
from pipeline.speaking.hooks import Hooks
from pipeline.speaking.lead import AdaptiveLead
from pipeline.speaking.playout import Playout
from pipeline.speaking.preparation import APOLOGY, FILLER, Preparation, Speaker
from pipeline.speaking.writing import Writing
from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots
from pipeline.tasks.writer import Write
from pipeline.turn.events import Prompted

log = logging.getLogger(__name__)

CHECKPOINT_S = 1.0
"""While a reply is played, what was heard of it is stored this often, in case that the process is killed."""


REMEMBERED = 4
"""Replies of which is known what was heard of them at which moment."""


class Replies:
    """The replies of one call: at most one playing, one being prepared, and one parked in case its input recurs.

    Args:
        conversation: the context of the replies.
        responder, speaker: generate and speak them.
        store, put: store the persona's messages; `put` queues a write, in order.
        slots: the session's tasks.
        connected: set while a line attends the call.
        new_id: makes message ids.
        hooks: the callbacks.
        text_only: replies are sent as text alone.
        clears: whether a ducked reply has the client discard its audio at once.

    Attributes:
        text_only: see above; a change holds from the next reply on.
    """

    def __init__(
        self,
        conversation: Conversation,
        responder: Responder,
        speaker: Speaker,
        store: MessageLog,
        put: Callable[[Write], None],
        slots: Slots,
        clock: Clock,
        connected: asyncio.Event,
        new_id: Callable[[], str],
        hooks: Hooks,
        *,
        text_only: bool = False,
        clears: Callable[[], bool] = lambda: False,
    ) -> None:
        self._conversation = conversation
        self._responder = responder
        self._speaker = speaker
        self._store = store
        self._put = put
        self._slots = slots
        self._clock = clock
        self._connected = connected
        self._new_id = new_id
        self._hooks = hooks
        self._clears = clears
        self.text_only = text_only
        self._next: Preparation | None = None
        self._parked: Preparation | None = None
        self._playout: Playout | Writing | None = None
        self._latest: Playout | Writing | None = None
        self._finished: deque[Playout] = deque(maxlen=REMEMBERED)
        self._lead = AdaptiveLead()
        self._message_id = ""
        self._last_spoken = conversation.last_said  # a call that continues a chat may answer its last question
        self._seq = 0
        for voice in (speaker.tts, speaker.fallback):
            if voice is not None:
                voice.keep((APOLOGY, conversation.persona.waiting or FILLER, conversation.persona.greeting))

    @property
    def spoken(self) -> str:
        """The text of the latest reply up to the last sample sent; its echo may outlast it."""
        return self._last_spoken if self._playout is None else self._playout.spoken

    @property
    def latest_text(self) -> str:
        """All of the latest reply's text, heard or not; of an earlier call's, what was heard."""
        return self._last_spoken if self._latest is None else self._latest.preparation.text

    @property
    def sounded(self) -> bool:
        """Whether the learner has heard, or in text-only calls read, any of the latest reply."""
        return isinstance(self._latest, Writing) or (self._latest is not None and self._latest.heard_ms > 0)

    def take_voice(self) -> None:
        """Take on the conversation's voice as it is now, from the next reply on."""
        self._speaker = replace(self._speaker, style=self._conversation.style)

    def take_context(self) -> None:
        """Take on the conversation's persona and subject as they are now; what is on the air is finished as it was."""
        persona = self._conversation.persona
        self.take_voice()
        for voice in (self._speaker.tts, self._speaker.fallback):
            if voice is not None:
                voice.keep((persona.greeting,))
        parked, self._parked = self._parked, None
        if parked is not None:
            self._slots.cancel(parked.task)
        ahead = self._next
        if ahead is not None and ahead.responder is not None:
            context = self._conversation.taken_on(ahead.context)
            self._begin(self._preparation(ahead.revision, ahead.turn, context), ahead.responder)

    # --------------------------------------------------------- ahead of time

    def prepare(self, revision: int, turn: int, said: str) -> None:
        """Prepare an answer; keep one of this revision, or a parked one with the same input."""
        if self._next is not None and self._next.revision == revision:
            return
        parked, self._parked = self._parked, None
        context = self._conversation.context(turn, said)
        if parked is not None and parked.turn == turn and parked.context == context:
            parked.revision = revision
            self._next = parked
            return
        if parked is not None:
            self._slots.cancel(parked.task)
        self._begin(self._preparation(revision, turn, context), self._responder)

    def apologise(self, revision: int, turn: int) -> None:
        """Prepare an apology for a failure."""
        self._begin(self._preparation(revision, turn, self._conversation.context(turn)), None)

    def say(self, revision: int, turn: int, prompted: Prompted) -> None:
        """Prepare a prompt, which answers nothing."""
        preparation = self._preparation(revision, turn, self._conversation.context(turn))
        preparation.sentence, preparation.aside, preparation.leave = prompted.text, prompted.aside, prompted.leave
        self._begin(preparation, None)

    def suspend(self, revision: int) -> None:
        """Stop the work on a revision; a reply that needs no more is parked."""
        preparation = self._next
        if preparation is not None and preparation.revision == revision:
            self._next = None
            if preparation.keepable:
                self._parked = preparation
            else:
                self._slots.cancel(preparation.task)
        playout = self._playout
        if playout is not None and playout.preparation.revision == revision and not playout.begun:
            self._drop(playout)

    def _preparation(self, revision: int, turn: int, context: ReplyContext) -> Preparation:
        conversation, wished = self._conversation, self._conversation.wishes.text_only
        written = self.text_only if wished is None else wished

        def call_tools(calls: tuple[FunctionCall, ...]) -> None:
            conversation.called(calls)
            self._hooks.emit(ToolsCalled(turn, calls))

        return Preparation(
            revision, turn, context, self._clock, self._speaker, APOLOGY, in_writing=written, voiceless=written,
            called=call_tools, granted=conversation.granting(),
        )  # fmt: skip

    def _begin(self, preparation: Preparation, responder: Responder | None) -> None:
        self._next, preparation.responder = preparation, responder
        preparation.task = f"prepare {preparation.revision}"
        self._slots.replace(preparation.task, preparation.run(responder))

    # ------------------------------------------------------------- on the air

    def release(self, revision: int) -> None:
        """Release the revision; it starts when its first audio is ready."""
        preparation = self._next
        if preparation is None or preparation.revision != revision:
            return
        self._next = None
        preparation.release(self._report)
        self._seq = 0
        self._playout = self._latest = self._on_the_air(preparation)
        self._slots.replace("playout", self._play(self._playout, self._new_id()))

    def _on_the_air(self, preparation: Preparation) -> Playout | Writing:
        if preparation.in_writing:
            return Writing(preparation)
        return Playout(
            preparation,
            rate_hz=self._speaker.rate_hz,
            clock=self._clock,
            lead=self._lead,
            hand_out=self._hand_out,
            connected=self._connected,
            stalled=lambda gap_ms: self._hooks.emit(ReplyStalled(preparation.turn, gap_ms)),
        )

    def _report(self, code: str, message: str) -> None:
        log.warning("A reply failed: %s", message)
        self._hooks.emit(Problem(code, message))

    def duck(self) -> None:
        """Stop sending for now."""
        if self._clears():
            self.hold()
        elif self._playout is not None:
            self._playout.duck()

    def go_on(self) -> None:
        """Resume sending from where it stopped or, after `hold`, from what was heard."""
        if self._playout is not None:
            self._playout.go_on()

    def hold(self) -> None:
        """Have the client discard what it has not played; the reply may still resume."""
        if (playout := self._playout) is not None and not playout.held:
            playout.rewind()
            self._hooks.emit(ReplyCleared(playout.preparation.turn, playout.heard_ms, playout.heard))

    def cut(self, revision: int) -> None:
        """End the reply at what was heard."""
        playout = self._playout
        if playout is None or playout.preparation.revision != revision:
            return
        if not playout.held:
            self.hold()
        self._drop(playout)
        self._finish(playout, interrupted=True)

    def keep_ahead(self, lead_ms: int | None) -> None:
        """Set the lead; None adapts it to the line's jitter."""
        self._lead.fixed_ms = lead_ms

    def lost_connection(self) -> None:
        """Stop sending, as no line attends; what was not played is sent again to the next line."""
        self._lead.forget()
        if self._playout is not None:
            self._playout.lost_connection()

    def played(self, turn: int, milliseconds: int) -> None:
        """Note how much of the turn's reply the client has played, perhaps after the reply's end."""
        if (playout := self._latest) is not None and playout.preparation.turn == turn:
            playout.played(milliseconds)

    def heard_until(self, message_id: str, milliseconds: int) -> None:
        """Take it from the client that no more than this was heard of a reply, which may be over.

        What the client says counts, but not for more than was sent to it. A reply that is on the air is not stopped.
        """
        if self._playout is not None and self._playout.message_id == message_id:
            self._playout.played(milliseconds)
        playout = next((one for one in self._finished if one.message_id == message_id), None)
        if playout is not None:
            changes = playout.heard_at(milliseconds)
            self._conversation.said(changes["text"], message_id, interrupted=changes["interrupted"])
            self._put(lambda: self._correct(message_id, changes))

    async def _correct(self, message_id: str, changes: MessageChanges) -> None:
        await self._store.update_message(message_id, **changes)

    async def heard_out(self) -> None:
        """Return when the last word of the latest reply was heard, as far as the client acknowledges it."""
        if self._latest is not None:
            await self._latest.heard_out()

    async def _play(self, playout: Playout | Writing, message_id: str) -> None:
        playout.message_id = message_id
        await playout.run(lambda: self._began(playout))
        preparation = playout.preparation
        if not playout.begun and preparation.text.strip():
            playout.begun = True  # text alone: none of it could be synthesized
            self._began(playout)
        if playout.begun:
            self._publish_text(playout)
            self._slots.cancel("checkpoints")
            self._finish(playout, interrupted=False)
        else:
            preparation.granted()
            self._hooks.emit(NothingSaid(preparation.turn))
        self._playout = None
        self._hooks.finished(preparation.revision, preparation.leave)

    def _began(self, playout: Playout | Writing) -> None:
        preparation, message_id = playout.preparation, playout.message_id
        persona_id = preparation.context.persona.id
        self._conversation.said("", message_id, aside=preparation.aside)
        self._hooks.emit(ReplyBegan(preparation.turn, message_id, persona_id))
        self._publish_text(playout)
        self._slots.replace("text", self._publish_all_text(playout))
        self._put(lambda: self._store_begun(message_id, persona_id))
        self._slots.replace("checkpoints", self._store_checkpoints(playout))
        self._hooks.started(preparation.revision, preparation.stamps)

    async def _store_begun(self, message_id: str, persona_id: str) -> None:
        await self._store.add_message(
            self._conversation.chat_id,
            "assistant",
            "",
            origin="spoken",
            id=message_id,
            persona_id=persona_id or None,
            completed=False,
        )

    async def _store_checkpoints(self, playout: Playout | Writing) -> None:
        done = asyncio.Event()

        async def store() -> None:
            try:
                await self._store.update_message(
                    playout.message_id,
                    text=playout.heard,
                    full_text=playout.preparation.text,
                    heard_ms=playout.heard_ms,
                )
            finally:
                done.set()

        while True:
            await self._clock.sleep(CHECKPOINT_S)
            done.clear()
            self._put(store)
            await done.wait()  # at most one of them waits for a slow store

    async def _publish_all_text(self, playout: Playout | Writing) -> None:
        async for _ in playout.preparation.growth():
            self._publish_text(playout)

    def _publish_text(self, playout: Playout | Writing) -> None:
        preparation = playout.preparation
        if preparation.published < len(preparation.text):
            delta = preparation.text[preparation.published :]
            preparation.published = len(preparation.text)
            self._hooks.emit(ReplyText(preparation.turn, delta))

    def _hand_out(self, start: int, block: NDArray[np.int16], text: str) -> None:
        assert self._playout is not None
        rate = self._speaker.rate_hz
        turn = self._playout.preparation.turn
        self._seq += 1
        self._hooks.emit(ReplyAudio(turn, self._seq, start * 1000 // rate, len(block) * 1000 // rate, text, block))

    def _drop(self, playout: Playout | Writing) -> None:
        self._slots.cancel("playout")
        self._slots.cancel("text")
        self._slots.cancel("checkpoints")
        self._slots.cancel(playout.preparation.task)
        self._playout = None

    def _finish(self, playout: Playout | Writing, *, interrupted: bool) -> None:
        text = playout.preparation.text
        heard = playout.heard if interrupted else text
        heard_ms = playout.heard_ms
        turn, message_id = playout.preparation.turn, playout.message_id
        truncated = playout.preparation.truncated
        playout.preparation.granted()
        if isinstance(playout, Playout):
            self._finished.append(playout)
        self._conversation.said(heard, message_id, interrupted=heard.strip() != text.strip())
        used = playout.preparation.speaker  # a failed engine is not tried again in this call
        self._speaker = replace(self._speaker, tts=used.tts, fallback=used.fallback)
        self._last_spoken = playout.spoken

        async def store() -> None:
            await self._store.update_message(
                message_id,
                text=heard,
                full_text=text if text != heard else None,
                heard_ms=heard_ms,
                interrupted=interrupted,
                completed=True,
            )
            self._hooks.emit(ReplyEnded(turn, message_id, text, heard, interrupted, truncated))

        self._put(store)
