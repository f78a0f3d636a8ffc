"""Parser of the learner's actions in a call file, with a check of their order."""

from pathlib import Path
from typing import get_args

import numpy as np

from models.packs.located import Section, Text
from pipeline.replay import sounds
from pipeline.replay.call_file import (
    Act,
    AfterEvent,
    AfterItem,
    AtTime,
    Control,
    Does,
    IntoLine,
    IntoReply,
    Item,
    Moment,
    Presses,
    Sounds,
    Types,
    Waits,
)
from pipeline.replay.moments import GRAMMAR, is_event, moment
from pipeline.timeline.timeline import EVENTS
from voice.audio.formats import Int16Mono
from voice.errors import VoiceError

_KINDS = ("say", "text", "noise", "type", "press", "wait_ms", "do")
_CONTROLS: tuple[str, ...] = get_args(Control)
_DIGITS = frozenset("0123456789*#ABCD")
_UNDOES = {"unmute": "mute", "resume": "drop", "frames-on": "frames-off"}
_OVER_THE_LINE = (
    "type",
    "press",
    "stop",
    "mute",
    "unmute",
    "commit",
    "ask-reply",
    "transferred",
    "transfer-failed",
    "hang-up",
)


def read_learner(root: Section, path: Path, seed: int, *, speaks_first: bool, manual: bool) -> tuple[Item, ...]:
    """Read the items under `learner`, in order; problems are added to the section's."""
    if not root.has("learner"):
        root.problem("'learner' is missing; say what the learner does")
    items = []
    order = _Order(speaks_first=speaks_first, manual=manual)
    for number, section in enumerate(root.sections("learner")):
        item = _item(section, path, seed * 1000 + number)
        section.finish()
        if item is not None:
            order.check(section, item)
            items.append(item)
    return tuple(items)


def _item(section: Section, path: Path, seed: int) -> Item | None:
    when = _when(section)
    given = [kind for kind in _KINDS if section.has(kind)]
    if len(given) != 1:
        section.problem(f"an item needs exactly one of {', '.join(_KINDS)}, not {' and '.join(given) or 'none'}")
        for kind in _KINDS:
            section.scalar(kind)
        return None
    act = _act(section, given[0], path, seed)
    return None if act is None else Item(act, when, section.line)


def _when(section: Section) -> Moment:
    text = section.text("when", default="after 0 ms")
    when = moment(text)
    line = section.line_at("when")
    if when is None:
        section.problem(f"'when' is '{text}'; write {GRAMMAR}", line)
        return AfterItem()
    if isinstance(when, AfterEvent) and not is_event(when.event):
        section.problem(f"unknown event '{when.event}'; the events are {', '.join(EVENTS)}", line)
    return when


def _act(section: Section, kind: str, path: Path, seed: int) -> Act | None:
    match kind:
        case "say" | "text":
            return _speech(section, kind, path, seed)
        case "noise":
            name = section.choice("noise", sounds.KINDS, sounds.KINDS[0])
            ms = section.number("ms", low=10, high=60_000, default=300)
            level_db = section.number("level_db", low=-90, high=-3, default=-20)
            own = int(section.number("seed", low=0, high=2**31, default=seed))
            return Sounds(name, sounds.noise(name, ms, level_db, own), speech=False)
        case "type":
            return Types(section.text("type", required=True))
        case "press":
            pressed = section.scalar("press")
            if pressed is None or not pressed.value or not set(pressed.value) <= _DIGITS:
                section.problem("'press' must be phone keys, such as '12#'", section.line_at("press"))
                return None
            return Presses(pressed.value)
        case "wait_ms":
            return Waits(section.number("wait_ms", low=0, high=600_000, default=0))
        case _:
            control = section.choice("do", _CONTROLS, _CONTROLS[0])
            return Does(next(known for known in get_args(Control) if known == control))


def _speech(section: Section, kind: str, path: Path, seed: int) -> Sounds | None:
    source = section.scalar(kind)
    if source is None or not source.value:
        section.problem(f"'{kind}' is empty; write something", section.line_at(kind))
        return None
    audio = _recorded(section, source, path) if kind == "say" else _synthesized(section, source)
    gain_db = section.number("gain_db", low=-60, high=20, default=0)
    snr_db = section.number("snr_db", low=-10, high=60, default=np.inf)
    longest_ms = sounds.LONGEST_S * 1000
    begin_ms = section.number("from_ms", low=0, high=longest_ms, default=0)
    end_ms = section.number("to_ms", low=0, high=longest_ms, default=longest_ms)
    if audio is None:
        return None
    audio = sounds.with_gain(audio[round(begin_ms * 16) : round(end_ms * 16)], gain_db)
    if not len(audio):
        section.problem("nothing is left of the recording between 'from_ms' and 'to_ms'", section.line_at("from_ms"))
        return None
    if snr_db < np.inf:
        audio = sounds.with_noise(audio, snr_db, seed)
    return Sounds(source.value, audio, speech=True)


def _synthesized(section: Section, source: Text) -> Int16Mono | None:
    try:
        audio = sounds.spoken(source.value, section.text("voice"))
    except VoiceError as error:
        section.problem(f"this cannot be said: {error}", source.line)
        return None
    if not len(audio):
        section.problem(f"'{source.value}' holds nothing that can be said", source.line)
        return None
    return audio


def _recorded(section: Section, source: Text, path: Path) -> Int16Mono | None:
    file = sounds.packaged(source.value) or path.parent / source.value
    wanted = section.choice("channel", sounds.CHANNELS, "both")
    try:
        return sounds.recording(file, next(known for known in sounds.CHANNELS if known == wanted))
    except OSError as error:
        section.problem(
            f"the recording '{source.value}' cannot be read ({error.strerror or 'input error'}); name a packaged one "
            "such as slt/turns/01, or a sound file beside the call file",
            source.line,
        )
    except VoiceError as error:
        section.problem(f"the recording '{source.value}' cannot be read: {error}", source.line)
    return None


class _Order:
    """Checks that each item can follow the ones before it."""

    def __init__(self, *, speaks_first: bool, manual: bool) -> None:
        self._manual = manual
        self._asked = speaks_first
        self._at_ms = 0.0
        self._before: Item | None = None
        self._on: set[str] = set()
        self._over = False

    def check(self, section: Section, item: Item) -> None:
        """Report an item that is impossible here."""
        line = section.line_at("when")
        if self._over:
            section.problem("nothing can happen after the learner has hung up; remove this or the hang-up")
        self._check_moment(section, item.when, line)
        self._check_act(section, item.act)
        self._before = item
        self._asked = self._asked or not isinstance(item.act, Waits)

    def _check_moment(self, section: Section, when: Moment, line: int) -> None:
        match when:
            case AtTime(ms):
                if ms < self._at_ms:
                    section.problem(
                        f"'at {ms:g} ms' comes before 'at {self._at_ms:g} ms' above; put the items in order", line
                    )
                self._at_ms = max(self._at_ms, ms)
            case IntoReply() if not self._asked:
                section.problem(_NO_REPLY, line)
            case AfterEvent(event) if not self._asked and event.startswith(("reply.", "ear.", "llm.", "tts.")):
                section.problem(_NO_REPLY, line)
            case IntoLine() if self._before is None or not isinstance(self._before.act, Sounds | Waits):
                section.problem("'into the line' needs an item before it that says, makes a noise or waits", line)
            case _:
                pass

    def _check_act(self, section: Section, act: Act) -> None:
        name = act.control if isinstance(act, Does) else {Types: "type", Presses: "press"}.get(type(act), "")
        if "drop" in self._on and name in _OVER_THE_LINE:
            section.problem(f"the line is down, so '{name}' reaches nobody; put '- do: resume' before it")
        if name == "commit" and not self._manual:
            section.problem("'commit' means nothing here; set 'turns: manual' under settings")
        if name in _UNDOES:
            if _UNDOES[name] not in self._on:
                section.problem(f"'{name}' without '{_UNDOES[name]}' before it")
            self._on.discard(_UNDOES[name])
        elif name in _UNDOES.values():
            if name in self._on:
                section.problem(f"'{name}' twice, with nothing that ends the first")
            self._on.add(name)
        self._over = self._over or name in ("hang-up", "transferred")


_NO_REPLY = "nothing before this item brings a reply; set 'greet: true' under settings, or let the learner speak first"
