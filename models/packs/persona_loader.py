"""Loader of a persona: its voice, its cues, and what it says where no cue counts."""

import re
import string
from collections.abc import Iterable, Mapping
from typing import get_args

from models.errors import Invalid
from models.packs.located import Section, Text
from models.packs.tool_loader import read_tools
from models.patterns import ContentPattern
from models.records.core import Cue, Persona, Steer, Utterance, VoiceProfile

_OF_WHAT_WAS_SAID = ("topic", "said")
_OF_DOCUMENTS = ("answer",)
_PARAMETER = re.compile(r"\{\{[^{}]{0,600}\}\}")
_MAX_TARGET = 200
_MAX_EXAMPLE = 200
_MAX_EXAMPLES = 40
_ENGINES = ("espeak", "piper", "openai")
_UTTERANCES: tuple[Utterance, ...] = get_args(Utterance)


def read_persona_section(section: Section, ident: str) -> Persona:
    """Read a persona; problems are added to the section's."""
    cues = _Cues()
    return Persona(
        id=ident,
        name=section.text("name", required=True),
        description=section.text("description"),
        instructions=section.text("instructions", required=True),
        greeting=section.text("greeting", required=True),
        icon=section.text("icon"),
        color=section.text("color"),
        voice=_voice(section.section("voice")),
        cues=cues.read(section.sections("cues")),
        fallbacks=_lines(section, "fallbacks"),
        reactions=_reactions(section.section("reactions")),
        steers=cues.steers(section.sections("steers")),
        tools=read_tools(section.sections("tools")),
        waiting=section.text("waiting"),
    )


def _voice(section: Section | None) -> VoiceProfile:
    if section is None:
        return VoiceProfile()
    names = section.pairs("names")
    for engine in names.keys() - set(_ENGINES):
        section.problem(f"unknown engine '{engine}'; the engines are {', '.join(_ENGINES)}", section.line_at("names"))
    voice = VoiceProfile(
        names=names,
        rate=section.number("rate", low=0.5, high=2, default=1),
        pitch=section.number("pitch", low=0.5, high=2, default=1),
        language=section.text("language", default="en"),
    )
    section.finish()
    return voice


def _lines(section: Section, key: str, known: tuple[str, ...] = _OF_WHAT_WAS_SAID) -> tuple[str, ...]:
    """Return the lines of a key, in which `known` may stand in braces."""
    right = " or ".join(f"{{{name}}}" for name in known)
    lines = section.texts(key)
    for line in lines:
        try:
            plain = _PARAMETER.sub("", line.value)
            names = {name for _, name, _, _ in string.Formatter().parse(plain) if name is not None}
        except ValueError as error:
            section.problem(f"bad placeholder in '{key}' ({error}); write {right}", line.line)
            continue
        for name in names - set(known):
            section.problem(f"unknown placeholder '{{{name}}}'; write {right}", line.line)
        if known == _OF_DOCUMENTS and not names:
            section.problem(f"'{key}' lacks {right}, where it says what the document does", line.line)
    return tuple(line.value for line in lines)


def _reactions(section: Section | None) -> Mapping[Utterance, tuple[str, ...]]:
    if section is None:
        return {}
    read = {
        said: _lines(section, said, _OF_DOCUMENTS if said == "document" else _OF_WHAT_WAS_SAID) for said in _UTTERANCES
    }
    section.finish()
    return {said: lines for said, lines in read.items() if lines}


class _Cues:
    """Reads the cues of one persona and what refers to them by id."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}
        self._examples: dict[str, str] = {}

    def read(self, sections: list[Section]) -> tuple[Cue, ...]:
        referring: list[tuple[Section, str, list[Text]]] = []
        cues = []
        for section in sections:
            name = section.text("id", required=True)
            if name in self._lines:
                section.problem(f"duplicate id '{name}' in cues; line {self._lines[name]} has it already")
            self._lines.setdefault(name, section.line)
            references = {key: section.texts(key) for key in ("after", "before")}
            referring += [(section, key, named) for key, named in references.items()]
            cues.append(self._cue(section, name, references))
            section.finish()
        for section, key, named in referring:
            self._check(section, key, named)
        return tuple(cues)

    def steers(self, sections: list[Section]) -> tuple[Steer, ...]:
        steers = []
        for section in sections:
            unless = section.texts("unless")
            self._check(section, "unless", unless)
            steers.append(Steer(section.text("say", required=True), tuple(cue.value for cue in unless)))
            section.finish()
        return tuple(steers)

    def _cue(self, section: Section, name: str, references: Mapping[str, Iterable[Text]]) -> Cue:
        ends_call, transfer = section.flag("ends_call"), section.text("transfer")
        if ends_call and transfer:
            section.problem("'ends_call' and 'transfer' are both given; keep one", section.line_at("transfer"))
        if len(transfer) > _MAX_TARGET:
            section.problem(f"'transfer' is longer than {_MAX_TARGET} characters", section.line_at("transfer"))
        examples = self._read_examples(section, name)
        return Cue(
            id=name,
            when=tuple(_pattern(section, when) for when in section.texts("when", required=not examples)),
            say=_values(section.texts("say", required=True)),
            after=_values(references["after"]),
            once=section.flag("once"),
            ends_call=ends_call,
            transfer=transfer,
            examples=examples,
            unless=tuple(_pattern(section, unless) for unless in section.texts("unless")),
            before=_values(references["before"]),
            kind=_values(section.texts("kind")),
            rude=_values(section.texts("rude")),
            reacts=section.flag("reacts"),
        )

    def _read_examples(self, section: Section, cue: str) -> tuple[str, ...]:
        examples = section.texts("examples")
        if len(examples) > _MAX_EXAMPLES:
            section.problem(f"more than {_MAX_EXAMPLES} examples; keep the most different ones", examples[0].line)
        for example in examples:
            words = " ".join(re.findall(r"\w+", example.value.lower()))
            other = self._examples.setdefault(words, cue)
            if not words:
                section.problem(
                    f"the example '{example.value}' has no words; write what a learner may say", example.line
                )
            elif len(example.value) > _MAX_EXAMPLE:
                section.problem(f"an example is longer than {_MAX_EXAMPLE} characters; write a sentence", example.line)
            elif other != cue:
                section.problem(f"'{example.value}' is an example of '{other}' already; keep one", example.line)
        return _values(examples)

    def _check(self, section: Section, key: str, named: Iterable[Text]) -> None:
        for reference in named:
            if reference.value not in self._lines:
                section.problem(
                    f"'{key}' names the unknown cue '{reference.value}'; write an id of this persona", reference.line
                )


def _values(texts: Iterable[Text]) -> tuple[str, ...]:
    return tuple(text.value for text in texts)


def _pattern(section: Section, when: Text) -> str:
    try:
        pattern = ContentPattern(when.value)
    except Invalid as error:
        section.problem(f"bad regular expression '{when.value}': {error}", when.line)
        return when.value
    if re.search(r"[A-Z]", re.sub(r"\\.", "", when.value)):
        section.problem(f"'{when.value}' has capitals, and speech is matched in lower case; write it so", when.line)
    elif when.value.endswith((".*", ".+")):
        section.problem(f"'{when.value}' ends in a wildcard, and the longest match wins; leave it off", when.line)
    elif pattern.found_in(""):
        section.problem(f"'{when.value}' matches anything; name at least one word", when.line)
    return when.value
