"""The replies to the operator's page."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from models.records.past_calls import CallLog, CallPlace
from pipeline.practice.listening import AudibleChat
from pipeline.practice.pack_check import CheckedPack
from pipeline.timeline.timeline import Entry

GONE = CallPlace("", "", "")


class CallCard(BaseModel):
    """A call in a list."""

    call_id: str
    chat_id: str
    user: str
    practice: str
    chat: str
    persona: str
    began_at: str
    duration_ms: int
    turns: int
    reason: str = Field(description="Why it ended; empty while it goes on.")
    recorded: bool
    latencies_ms: list[int] = Field(description="From the last word to the answer's first sound, turn by turn.")
    echo: dict[str, Any] | None = Field(description="The latest `delay_ms` and `residual_db` that the client reported.")

    @classmethod
    def of(cls, log: CallLog, place: CallPlace = GONE) -> "CallCard":
        """Make the card of a call."""
        return cls(
            call_id=log.id,
            chat_id=log.chat_id,
            user=place.user,
            practice=place.practice,
            chat=place.chat,
            persona=log.persona,
            began_at=log.began_at.isoformat(),
            duration_ms=log.duration_ms,
            turns=log.turns,
            reason=log.reason,
            recorded=log.recorded,
            latencies_ms=list(log.latencies),
            echo=dict(log.echo) if log.echo is not None else None,
        )


class CallsReply(BaseModel):
    going_on: list[CallCard] = Field(description="Those that this process carries, the latest first.")
    past: list[CallCard]
    before: str | None = Field(description="Ask with this for the ones before; null: there are none.")


class WordItem(BaseModel):
    text: str
    start_ms: int = Field(description="Its place in the recording.")


class LineItem(BaseModel):
    """What somebody said."""

    who: Literal["learner", "persona"]
    turn: int
    text: str
    interrupted: bool
    words: list[WordItem] = Field(description="Empty where nothing was recorded.")


class Latency(BaseModel):
    """The waterfall of a turn, in milliseconds."""

    turn: int
    endpoint_ms: int
    stt_ms: int
    llm_ms: int
    tts_ms: int
    voice_to_voice_ms: int


class CallReply(BaseModel):
    call: CallCard
    lines: list[LineItem]
    latencies: list[Latency]
    timeline: list[str] = Field(description="As `glow replay` prints it.")
    recording_ms: int | None = Field(description="How long the chat's recording is; null: there is none.")

    @classmethod
    def of(cls, log: CallLog, place: CallPlace, heard: AudibleChat | None, entries: list[Entry]) -> "CallReply":
        """Make the reply about a call."""
        words = heard.words if heard is not None else {}
        return cls(
            call=CallCard.of(log, place),
            lines=[
                LineItem(
                    who=line["who"],
                    turn=line["turn"],
                    text=line["text"],
                    interrupted=line["interrupted"],
                    words=[
                        WordItem(text=word.text, start_ms=word.start_ms) for word in words.get(line["message_id"], ())
                    ],
                )
                for line in log.lines
            ],
            latencies=[Latency.model_validate(dict(entry.fields)) for entry in entries if entry.what == "turn.latency"],
            timeline=[str(entry) for entry in entries],
            recording_ms=heard.length_ms if heard is not None else None,
        )


class PackItem(BaseModel):
    path: str
    slug: str
    name: str
    parts: dict[str, list[str]]
    problems: list[str] = Field(description="As `glow pack check` prints them.")

    @classmethod
    def of(cls, path: str, checked: CheckedPack) -> "PackItem":
        """Make the item of a pack."""
        parts = {kind: list(names) for kind, names in checked.parts.items() if names}
        return cls(path=path, slug=checked.slug, name=checked.name, parts=parts, problems=list(checked.problems))


class PacksReply(BaseModel):
    packs: list[PackItem]
