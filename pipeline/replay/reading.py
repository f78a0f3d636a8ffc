"""Parser of call files: returns a call, or reports every problem of the file."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.errors import InvalidPack
from models.packs import Pack, load_pack, pack_id
from models.packs.lesson_loader import load_lessons
from models.packs.loader import read_persona
from models.packs.located import Problems, Section, Text, read_yaml
from models.records.core import Persona
from models.records.lessons import Lesson
from pipeline.llm.completions import ToolCall
from pipeline.replay.call_file import CallFile, Echo, FixedTool, InvalidCall, ReplyLine
from pipeline.replay.reading_expect import read_expectations
from pipeline.replay.reading_learner import read_learner
from pipeline.replay.reading_settings import read_settings
from pipeline.replay.sounds import noise
from pipeline.replay.stage import demo_pack
from voice.audio.formats import FRAME, Int16Mono

_QUIET: Int16Mono = np.eye(1, FRAME, dtype=np.int16)[0]
"""The background of a call file that names none: the least there is, as digital silence would be told as a fault."""

_BACKGROUND_PERIOD_MS = 4_000
_PLAIN = Persona(
    id="replay/plain",
    name="Alex",
    greeting="Hello, this is Alex. What can I do for you?",
    instructions="You answer the telephone.",
)
"""The persona of a file that names none."""


def read_call(path: Path) -> CallFile:
    """Read a call file and everything that it refers to.

    Raises:
        InvalidCall: lists every problem as "file:line: reason".
    """
    problems = Problems()
    root = read_yaml(path, problems, "a call", "'call:' and 'learner:'")
    call = _read(root, path) if root is not None else None
    if call is None or problems.found:
        raise InvalidCall(problems.lines())
    return call


def _read(root: Section, path: Path) -> CallFile:
    seed = int(root.number("seed", low=0, high=2**31, default=0))
    settings, greet, resume_s = read_settings(root.section("settings"))
    room_db = root.number("room_db", low=-100, high=-20, default=-math.inf)
    who = _who(root)
    golden = root.scalar("golden")
    replies = tuple(_reply(section) for section in root.sections("replies"))
    tools = tuple(_tool(section) for section in root.sections("tools"))
    if tools and not replies:
        root.problem("'tools' are called in 'replies', and there are none", root.line_at("tools"))
    if who.lesson is not None and replies:
        root.problem("'lesson' and 'replies' are both given; a tutor says what the lesson has", root.line_at("replies"))
    speaks_first = greet or bool(settings.silence.prompts or settings.silence.goodbye or settings.time_limit)
    speaks_first = speaks_first or settings.recording is not None
    learner = read_learner(root, path, seed, speaks_first=speaks_first, manual=settings.rules.manual)
    call = CallFile(
        path=path,
        title=root.text("call", required=True),
        settings=settings,
        learner=learner,
        expect=read_expectations(root.section("expect")),
        background=noise("pink", _BACKGROUND_PERIOD_MS, room_db, seed) if room_db > -math.inf else _QUIET,
        echo=_echo(root.section("echo")),
        persona=who.persona,
        lesson=who.lesson,
        pack=who.pack,
        practice_id=who.practice_id,
        replies=replies,
        tools=tools,
        greet=greet,
        resume_s=resume_s,
        rest_ms=root.number("rest_ms", low=0, high=60_000, default=1000),
        limit_ms=root.number("limit_ms", low=1000, high=1_800_000, default=180_000),
        golden=tuple(golden.value.splitlines()) if golden is not None else None,
        golden_at=golden,
    )
    if call.expect.lesson is not None and not root.has("lesson"):
        root.problem("'expect' has 'lesson', but the call is none; name one with 'lesson'", call.expect.lesson.line)
    root.text("about")
    root.finish()
    return call


def _echo(section: Section | None) -> Echo | None:
    if section is None:
        return None
    delay_ms = section.number("delay_ms", low=0, high=800, default=150)
    level_db = section.number("level_db", low=-60, high=0, default=-20)
    section.finish()
    return Echo(delay_ms, 10 ** (level_db / 20))


@dataclass(frozen=True, slots=True)
class _Who:
    persona: Persona | None = None
    pack: Pack | None = None
    practice_id: str = ""
    lesson: Lesson | None = None


def _who(root: Section) -> _Who:
    practice, persona = root.scalar("practice"), root.section("persona")
    where, lesson = root.scalar("pack"), root.scalar("lesson")
    if lesson is not None:
        for key in ("persona", "practice", "pack"):
            if root.has(key):
                root.problem(f"'lesson' and '{key}' are both given; keep one", root.line_at(key))
        return _Who(lesson=_lesson(root, lesson))
    if persona is not None:
        if practice is not None:
            root.problem("'persona' and 'practice' are both given; keep one", practice.line)
        return _Who(persona=_own_persona(persona, root.file))
    if practice is None:
        if where is not None:
            root.problem("'pack' needs 'practice'; say which practice of the pack is called", where.line)
        return _Who(persona=_PLAIN)
    try:
        pack = load_pack(root.file.parent / where.value) if where is not None else demo_pack()
    except InvalidPack as error:
        root.problem(f"the pack has problems: {str(error).splitlines()[0]}", where.line if where else practice.line)
        return _Who()
    wanted = pack_id(pack.slug, "practice", practice.value)
    if all(known.id != wanted for known in pack.practices):
        root.problem(
            f"unknown practice '{practice.value}'; the pack '{pack.slug}' has {_practices(pack)}", practice.line
        )
    return _Who(pack=pack, practice_id=wanted)


def _practices(pack: Pack) -> str:
    return ", ".join(f"'{practice.name}'" for practice in pack.practices)


def _lesson(root: Section, named: Text) -> Lesson | None:
    """Load a packaged lesson by name, or one of a file by its path relative to the call file."""
    is_file = named.value.endswith((".yaml", ".yml"))
    try:
        lessons = load_lessons(root.file.parent / named.value) if is_file else load_lessons()
    except InvalidPack as error:
        root.problem(f"the lesson has problems: {str(error).splitlines()[0]}", named.line)
        return None
    found = next((lesson for lesson in lessons if is_file or lesson.slug == named.value), None)
    if found is None:
        known = ", ".join(f"'{lesson.slug}'" for lesson in lessons)
        root.problem(f"unknown lesson '{named.value}'; there are {known}, or name a lesson's file", named.line)
    return found


def _own_persona(section: Section, path: Path) -> Persona:
    persona = read_persona(section, path.stem)
    return replace(persona, id=f"{path.resolve()}/{persona.id}"[-80:])


def _reply(section: Section) -> ReplyLine:
    calls = tuple(_call(part, place) for place, part in enumerate(section.sections("calls")))
    then = section.section("then")
    if then is not None and not calls:
        section.problem("'then' comes after 'calls', and there are none", section.line_at("then"))
    line = ReplyLine(
        text=section.text("say", required=not calls),
        first_token_ms=section.number("first_token_ms", low=0, high=60_000, default=0),
        token_ms=section.number("token_ms", low=0, high=10_000, default=0),
        fails=section.flag("fails"),
        calls=calls,
        then=_reply(then) if then is not None else None,
    )
    section.finish()
    return line


def _call(section: Section, place: int) -> ToolCall:
    """Read a tool call, whose arguments are texts by name, or the raw text of the model."""
    named, written = section.pairs("with"), section.text("arguments")
    if named and written:
        section.problem("'with' and 'arguments' are both given; keep one", section.line_at("arguments"))
    call = ToolCall(f"call-{place}", section.text("tool", required=True), written or json.dumps(named))
    section.finish()
    return call


def _tool(section: Section) -> FixedTool:
    tool = FixedTool(
        name=section.text("name", required=True),
        answer=section.text("answer", required=True),
        takes_ms=section.number("takes_ms", low=0, high=600_000, default=0),
        timeout_ms=section.number("timeout_ms", low=1, high=600_000, default=10_000),
        fails=section.flag("fails"),
        ahead=section.flag("ahead"),
    )
    section.finish()
    return tool
