"""`glow bench numbers`: dictated numbers, spelled names and lists, heard by a real recogniser in replayed calls."""

import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.number_speech import Speaker, Synthesized, joined, recorded_person, speech_of
from api.bench.turn import busy_note
from api.settings import Settings
from models.records.core import Persona
from pipeline.call.session import SessionSettings
from pipeline.pauses.number_stories import NumberStory, read_stories
from pipeline.replay import CallFile, Replayed, Stage, replay
from pipeline.replay.call_file import AfterEvent, AfterItem, Expectations, Item, ReplyLine, Sounds
from pipeline.replay.sounds import noise
from voice.audio.formats import Int16Mono16k
from voice.stt.choose import choose_transcriber
from voice.tts.catalog import choose_synthesizer
from voice.tts.espeak.engine import EspeakSynthesizer

STORIES = Path(__file__).parents[2] / "tests" / "pipeline" / "turn" / "numbers"
"""The stories, in the source tree."""

TRANSCRIPT_MS = 300
"""Duration of every transcription."""

SOON_MS = 700
"""The longest delay after a finished turn."""

ROOM_DB = -65
ROOM_MS = 4000
BEFORE_MS = 700
"""How long the caller thinks after the question."""

SETS = ("tuning", "unseen", "held_out")
"""The rules were tuned on the first, in text and audio; on the second in text alone; on the third never."""

DICTATED, FINISHED = "dictated", "finished"

_PERSONA = Persona(id="bench/numbers", name="Alex", greeting="Hello.", instructions="You answer the telephone.")


@dataclass(frozen=True, slots=True)
class HeardStory:
    """What came of a story that a speaker told.

    Attributes:
        story: the story.
        speaker: who spoke it.
        hears: the recogniser's words at each pause, in order.
        cut_off: the words at each end of the turn before the last word.
        messages: all messages of the caller.
        delay_ms: from the last word to the end of the turn; None if it never ended.
    """

    story: NumberStory
    speaker: str
    hears: tuple[str, ...]
    cut_off: tuple[str, ...]
    messages: tuple[str, ...]
    delay_ms: int | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was answered before the last word, and all of it is one message."""
        return not self.cut_off and len(self.messages) == 1

    @property
    def is_soon(self) -> bool:
        """Whether the turn ended within `SOON_MS` of the last word."""
        return self.delay_ms is not None and self.delay_ms <= SOON_MS


@dataclass(frozen=True, slots=True)
class NumbersRow:
    """The stories of one set that one speaker told.

    Attributes:
        chosen: the set.
        kind: "dictated", with pauses inside, or "finished".
        speaker: who spoke.
        stories: number of stories.
        cut_off: stories that were answered before their end.
        doubled: stories that did not become one message.
        late: stories whose end was noticed later than `SOON_MS`.
        median_ms, most_ms: delay from the last word to the end of the turn.
    """

    chosen: str
    kind: str
    speaker: str
    stories: int
    cut_off: int
    doubled: int
    late: int
    median_ms: float
    most_ms: float


def bench_numbers(
    console: Console, *, stt: str, tts: str, sets: Sequence[str], most: int | None, each: bool, as_json: bool
) -> list[NumbersRow]:
    """Let a person, a synthesizer and eSpeak tell the stories, and print what came of them.

    Args:
        console: the console to print to.
        stt: the recogniser, as in the settings.
        tts: the synthesizer of the second speaker.
        sets: which of `SETS`.
        most: so many stories of each kind; all without it.
        each: print what was heard of every story that went wrong.
        as_json: print JSON.

    Raises:
        EngineUnavailable: an engine is not installed.
    """
    load, models_dir = os.getloadavg()[0], Settings().models_dir
    transcriber = choose_transcriber(stt, models_dir=models_dir, device="cpu", compute_type="int8", cpu_threads=1)
    synthesizer = choose_synthesizer(tts, models_dir=models_dir)
    speakers: dict[str, Speaker] = {"a person": recorded_person(), synthesizer.name: Synthesized(synthesizer)}
    speakers.setdefault("espeak", Synthesized(EspeakSynthesizer()))
    rows, wrong = list[NumbersRow](), list[tuple[str, HeardStory]]()
    with console.status("Listening..."), Stage(transcriber) as stage:
        for chosen in sets:
            for kind in (DICTATED, FINISHED):
                stories = read_stories(STORIES / chosen / f"{kind}.yaml")[:most]
                heard = [one for story in stories for one in hear(story, speakers, stage)]
                rows += [
                    row_of(chosen, kind, name, heard) for name in speakers if any(one.speaker == name for one in heard)
                ]
                late = kind == FINISHED
                wrong += [(chosen, one) for one in heard if not one.is_whole or (late and not one.is_soon)]
    if as_json:
        result = {"stt": transcriber.name, "load_before": load, "rows": [asdict(row) for row in rows]}
        console.print_json(json.dumps(result | ({"wrong": [asdict(one) for _, one in wrong]} if each else {})))
        return rows
    console.print(Text(f"Heard by {transcriber.name}; a transcript takes {TRANSCRIPT_MS} ms."))
    console.print(_table(rows))
    for chosen, one in wrong if each else ():
        console.print(Text(_told(chosen, one)), soft_wrap=True)
    console.print(Text(busy_note(load, os.cpu_count() or 1)))
    return rows


def row_of(chosen: str, kind: str, speaker: str, heard: Sequence[HeardStory]) -> NumbersRow:
    """Sum up the stories of one speaker."""
    mine = [one for one in heard if one.speaker == speaker]
    delays = [float("inf") if one.delay_ms is None else one.delay_ms for one in mine]
    return NumbersRow(
        chosen,
        kind,
        speaker,
        len(mine),
        sum(bool(one.cut_off) for one in mine),
        sum(len(one.messages) != 1 for one in mine),
        sum(not one.is_soon for one in mine),
        statistics.median(delays),
        max(delays),
    )


def _table(rows: Sequence[NumbersRow]) -> Table:
    title = f"doubled: not one message; late: ends more than {SOON_MS} ms after the last word"
    table = Table("set", "kind", "speaker", "stories", "cut off", "doubled", "late", "median ms", "most ms")
    table.title, table.title_justify = title, "left"
    for column in table.columns[3:]:
        column.justify = "right"
    for row in rows:
        counted = (row.stories, row.cut_off, row.doubled, row.late)
        table.add_row(
            row.chosen, row.kind, row.speaker, *map(str, counted), f"{row.median_ms:.0f}", f"{row.most_ms:.0f}"
        )
    return table


def _told(chosen: str, one: HeardStory) -> str:
    what = f"cut off at {one.cut_off}" if one.cut_off else f"ended after {one.delay_ms} ms"
    return f"{chosen}: {one.story.name!r} by {one.speaker}: {what}; heard {one.hears}; messages {one.messages}"


def hear(story: NumberStory, speakers: Mapping[str, Speaker], stage: Stage) -> Iterator[HeardStory]:
    """Replay a call for each speaker who can say the story."""
    for name, speaker in speakers.items():
        if (parts := speech_of(story, speaker)) is not None:
            yield _outcome(story, name, replay(_call(story, parts), stage, transcript_ms=TRANSCRIPT_MS))


def _call(story: NumberStory, parts: tuple[Int16Mono16k, ...]) -> CallFile:
    audio = joined(parts, story.pauses_ms)
    asked = [ReplyLine(story.asked)] if story.asked else []
    when = AfterEvent("reply.ended", BEFORE_MS) if story.asked else AfterItem(BEFORE_MS)
    return CallFile(
        path=Path(story.name),
        title=story.name,
        settings=SessionSettings(partial_every_ms=0),
        learner=(Item(Sounds("story", audio, speech=True), when, 1),),
        expect=Expectations(),
        background=noise("pink", ROOM_MS, ROOM_DB, 1),
        persona=_PERSONA,
        replies=(*asked, ReplyLine("I see.")),
        greet=bool(story.asked),
        rest_ms=2500,
        limit_ms=90_000,
    )


def _outcome(story: NumberStory, speaker: str, replayed: Replayed) -> HeardStory:
    timeline = replayed.timeline
    (said,) = (entry for entry in timeline if entry.what == "learner.says")
    end = said.at_ms + int(said.fields["ms"])
    transcribed = [entry for entry in timeline if entry.what == "turn.transcribed"]
    ended = [entry for entry in timeline if entry.what == "user.ended" and entry.fields["reason"] == "silence"]
    cut_off = [
        next((str(words.fields["text"]) for words in reversed(transcribed) if words.at <= entry.at), "")
        for entry in ended
        if entry.at_ms < end
    ]
    return HeardStory(
        story,
        speaker,
        tuple(str(entry.fields["text"]) for entry in transcribed),
        tuple(cut_off),
        tuple(str(entry.fields["text"]) for entry in timeline if entry.what == "user.message"),
        next((entry.at_ms - end for entry in reversed(ended) if entry.at_ms >= end), None),
    )
