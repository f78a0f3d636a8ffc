"""The client's side of a Realtime conversation: its turns as items, with their transcripts.

A sound over a reply is not told before it is known to be an interruption: clients stop playing at `speech_started`.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from api.doors.openai.realtime.items import ConversationItem, Items, new_name

TURNS_KEPT = 4
COMMITS_LIMIT = 64
"""Most utterances of manual turns that wait for their transcript."""

Told = Iterator[dict[str, Any]]


@dataclass
class SpokenItem:
    """An utterance of the client's.

    Attributes:
        turn: its number in the call; 0 as long as that is not known.
        started_ms, ended_ms: in the audio that was appended.
        told: the client knows that it began.
        ended: it is over.
        committed: it is an item.
        partial: the words that were sent while it lasted.
        transcribed: its transcript was sent.
    """

    turn: int
    started_ms: int
    ended_ms: int = 0
    told: bool = False
    ended: bool = False
    committed: bool = False
    partial: str = ""
    transcribed: bool = False
    item: ConversationItem = field(
        default_factory=lambda: ConversationItem(
            {
                "id": new_name("item"),
                "object": "realtime.item",
                "type": "message",
                "role": "user",
                "status": "completed",
                "content": [{"type": "input_audio", "transcript": None}],
            }
        )
    )


class SpokenTurns:
    """The utterances of one session.

    Attributes:
        manual: the client ends them itself.
        live: words are sent while they are spoken.
        open: one is under way, as the client knows.
    """

    def __init__(self, items: Items) -> None:
        self._items = items
        self._spoken: deque[SpokenItem] = deque(maxlen=TURNS_KEPT)
        self._commits: deque[SpokenItem] = deque(maxlen=COMMITS_LIMIT)
        self._words: tuple[int, str] = (0, "")
        self.manual = False
        self.live = False

    @property
    def open(self) -> bool:
        """Whether an utterance is under way, as the client knows."""
        return bool(self._spoken) and self._spoken[-1].told and not self._spoken[-1].ended

    def started(self, turn: int, at_ms: int, *, over_reply: bool) -> Told:
        """Begin an utterance; of one over a reply the client hears later, or never."""
        yield from self._without_words()
        self._spoken.append(SpokenItem(turn, at_ms))
        if not over_reply:
            yield from self.tell_start()

    def tell_start(self) -> Told:
        """Tell of the beginning of the latest utterance, if it was not told."""
        if not self._spoken or self._spoken[-1].told:
            return
        latest = self._spoken[-1]
        latest.told = True
        if not self.manual:
            about = {"audio_start_ms": latest.started_ms, "item_id": latest.item.id}
            yield {"type": "input_audio_buffer.speech_started", **about}

    def tell_end(self) -> Told:
        """Tell of the end of the latest utterance, if it is over and its beginning was told."""
        latest = self._spoken[-1] if self._spoken else None
        if latest is None or not (latest.told and latest.ended) or latest.committed:
            return
        if not self.manual:
            about = {"audio_end_ms": latest.ended_ms, "item_id": latest.item.id}
            yield {"type": "input_audio_buffer.speech_stopped", **about}
        yield from self._commit(latest)

    def ended(self, turn: int, at_ms: int) -> Told:
        """End an utterance; of manual turns it is an item already."""
        latest = self._of(turn)
        if latest is None:
            return
        if self._commits:
            committed = self._commits.popleft()
            committed.turn, committed.started_ms = turn, latest.started_ms
            self._spoken[self._spoken.index(latest)] = latest = committed
        latest.ended, latest.ended_ms = True, at_ms
        yield from self.tell_end()

    def commit(self) -> Told:
        """Make an item of what the client has committed itself."""
        spoken = SpokenItem(0, 0, told=True)
        self._commits.append(spoken)
        yield from self._commit(spoken)

    def heard_partly(self, turn: int, text: str) -> Told:
        """Take the words so far."""
        latest = self._of(turn)
        if self.live and latest is not None and latest.told and text.startswith(latest.partial):
            delta, latest.partial = text[len(latest.partial) :], text
            yield from _delta(latest, delta)

    def transcribed(self, turn: int, message_id: str, text: str) -> Told:
        """Take the words of an utterance; those of a turn that went on hold the earlier ones, too."""
        known_turn, known = self._words
        self._words = (turn, text)
        spoken = self._of(turn)
        if spoken is None:
            return
        if spoken is self._spoken[-1]:
            yield from self.tell_start()
            yield from self.tell_end()
        if known_turn == turn and text.startswith(known) and len(text) > len(known):
            text = text[len(known) :].strip()
        spoken.item.message_id = message_id
        yield from self._complete(spoken, text)

    def without_words(self) -> Told:
        """Tell that what was committed holds no words."""
        waiting = [spoken for spoken in self._spoken if spoken.committed and not spoken.transcribed]
        if waiting:
            yield from self._complete(waiting[-1], "")
        elif self._commits:
            yield from self._complete(self._commits.popleft(), "")

    def dropped(self) -> None:
        """Forget the open utterance: its audio was cleared."""
        if self._spoken and not self._spoken[-1].ended:
            self._spoken.pop()

    def _without_words(self) -> Told:
        """Tell that earlier utterances held no words: their transcript would have come by now."""
        for spoken in self._spoken:
            if spoken.committed and not spoken.transcribed:
                yield from self._complete(spoken, "")

    def _of(self, turn: int) -> SpokenItem | None:
        return next((spoken for spoken in reversed(self._spoken) if spoken.turn == turn), None)

    def _commit(self, spoken: SpokenItem) -> Told:
        spoken.committed = True
        previous = self._items.add(spoken.item)
        place = {"item_id": spoken.item.id, "previous_item_id": previous}
        yield {"type": "input_audio_buffer.committed", **place}
        for step in ("added", "done"):
            shown = dict(spoken.item.shown)
            yield {"type": f"conversation.item.{step}", "previous_item_id": previous, "item": shown}

    @staticmethod
    def _complete(spoken: SpokenItem, text: str) -> Told:
        if spoken.transcribed:
            return
        spoken.transcribed = True
        if text.startswith(spoken.partial) and text != spoken.partial:
            yield from _delta(spoken, text[len(spoken.partial) :])
        spoken.item.shown["content"] = [{"type": "input_audio", "transcript": text}]
        usage = {"type": "duration", "seconds": max(0, spoken.ended_ms - spoken.started_ms) / 1000}
        yield {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": spoken.item.id,
            "content_index": 0,
            "transcript": text,
            "usage": usage,
        }


def _delta(spoken: SpokenItem, delta: str) -> Told:
    if delta:
        place = {"item_id": spoken.item.id, "content_index": 0}
        yield {"type": "conversation.item.input_audio_transcription.delta", **place, "delta": delta}
