"""The session of a Realtime connection: merged from the client's updates, echoed whole, and as settings of the call."""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from api.doors.openai.realtime.errors import RealtimeError, explained
from api.doors.openai.realtime.shapes import TAGS, FunctionTool, SessionPart, TurnDetection
from pipeline.call.session import SessionSettings
from pipeline.call.settings import Prompt, SilencePlan
from pipeline.conversation.tools import Tool
from pipeline.turn.machine import Rules
from voice.audio.formats import AudioFormat
from voice.tts.base import VoiceStyle

LONGEST_S = 3600
"""Seconds that a session may last."""

PROMPTS_IN_A_ROW = 3
"""How often the persona speaks up after `idle_timeout_ms` while nobody answers."""

HINT_LIMIT = 200
"""Characters of the words that the recogniser is to expect."""

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")

WIRE_FORMATS = {
    "audio/pcm": AudioFormat("pcm16", 24_000, 1),
    "audio/pcmu": AudioFormat("mulaw", 8_000, 1),
    "audio/pcma": AudioFormat("alaw", 8_000, 1),
}

PATIENCE = {"high": (0.7, 2_000), "medium": (1.0, 4_000), "auto": (1.0, 4_000), "low": (2.0, 8_000)}
"""How many times the service's own patience each eagerness has, and the longest wait in milliseconds."""

_TURNS: TypeAdapter[TurnDetection] = TypeAdapter(TurnDetection)
_REPLACED = ("instructions", "tools", "tool_choice", "max_output_tokens", "tracing", "prompt", "truncation", "include")


@dataclass
class RealtimeSession:
    """One session's configuration.

    Attributes:
        id, model, expires_at: as echoed.
        voice: the voice that the persona has by itself.
        voices: those that may be chosen, by name.
        transcribes: it only writes down what is said.
        config: the whole configuration, as the GA dialect shows it.
    """

    id: str
    model: str
    expires_at: int
    voice: str
    voices: Mapping[str, VoiceStyle]
    transcribes: bool = False
    silence_ms: int = 500
    config: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the defaults."""
        turns = _TURNS.validate_python({"type": "server_vad", "silence_duration_ms": self.silence_ms}).model_dump()
        self.config = {
            "output_modalities": ["audio"],
            "instructions": "",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "prompt": None,
            "truncation": "auto",
            "include": None,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "transcription": None,
                    "noise_reduction": None,
                    "turn_detection": turns,
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": self.voice, "speed": 1.0},
            },
        }

    # ------------------------------------------------------------------ echo

    def echo(self) -> dict[str, Any]:
        """Return the whole resolved session, as a server event has it."""
        config = deepcopy(self.config)
        if self.transcribes:
            heard = {"input": config["audio"]["input"]}
            return {
                "type": "transcription",
                "object": "realtime.transcription_session",
                "id": self.id,
                "expires_at": self.expires_at,
                "include": config["include"],
                "audio": heard,
            }
        head = {"type": "realtime", "object": "realtime.session", "id": self.id, "model": self.model}
        return {**head, **config, "expires_at": self.expires_at}

    # ----------------------------------------------------------------- merge

    def merge(self, given: Any, *, begun: bool = False, sounded: bool = False) -> None:
        """Change what a `session.update` holds, all of it or, if anything is wrong, nothing.

        Args:
            begun: something was said already, so that the session's type stays.
            sounded: the persona's audio was heard already, so that its voice stays.

        Raises:
            RealtimeError: a value cannot be used; the message and the parameter say which.
        """
        if not isinstance(given, dict):
            raise RealtimeError("missing_required_parameter", "Missing required parameter: 'session'.", "session")
        try:
            part = SessionPart.model_validate(given)
        except ValidationError as error:
            raise explained(error, ("session",), tags=TAGS) from None
        if (part.type == "transcription") != self.transcribes and begun:
            raise RealtimeError("invalid_value", "The session's type cannot change any more.", "session.type")
        config = deepcopy(self.config)
        values = part.model_dump(exclude_unset=True)
        for name in _REPLACED:
            if name in values:
                config[name] = _emptied(name, values[name], self.config[name])
        if values.get("output_modalities"):
            config["output_modalities"] = values["output_modalities"]
        audio = values.get("audio") or {}
        self._merge_input(config["audio"]["input"], audio.get("input") or {})
        self._merge_output(config["audio"]["output"], audio.get("output") or {}, sounded=sounded)
        _check_tools(config)
        self.config, self.transcribes = config, part.type == "transcription"

    @staticmethod
    def _merge_input(known: dict[str, Any], given: dict[str, Any]) -> None:
        if given.get("format"):
            known["format"] = given["format"]
        for name in ("transcription", "noise_reduction"):
            if name in given:
                known[name] = given[name]
        if "turn_detection" in given:
            known["turn_detection"] = turns_of(known["turn_detection"], given["turn_detection"])

    def _merge_output(self, known: dict[str, Any], given: dict[str, Any], *, sounded: bool) -> None:
        if given.get("format"):
            known["format"] = given["format"]
        if given.get("speed") is not None:
            known["speed"] = given["speed"]
        voice = given.get("voice")
        name = voice["id"] if isinstance(voice, dict) else voice
        if not name or name == known["voice"]:
            return
        place = "session.audio.output.voice"
        if sounded:
            raise RealtimeError("cannot_update_voice", "The voice cannot change after audio was heard.", place)
        if name not in self.voices:
            raise RealtimeError("invalid_value", f"There is no voice {name[:40]!r}; {self.voice} is one.", place)
        known["voice"] = name

    # ------------------------------------------------------------ what it means

    @property
    def manual(self) -> bool:
        """Whether the client ends the turns itself."""
        return self.config["audio"]["input"]["turn_detection"] is None

    @property
    def answers(self) -> bool:
        """Whether each turn is answered unasked."""
        turns = self.config["audio"]["input"]["turn_detection"]
        return turns is not None and turns["create_response"] is True and not self.transcribes

    @property
    def idle_ms(self) -> int | None:
        """Milliseconds of silence after which the persona speaks up; None for never."""
        turns = self.config["audio"]["input"]["turn_detection"] or {}
        idle: int | None = turns.get("idle_timeout_ms")
        return idle

    @property
    def hints(self) -> dict[str, str]:
        """What the recogniser is to expect: `words`, and a `language`."""
        given = self.config["audio"]["input"]["transcription"] or {}
        language = given.get("language")
        keywords = given.get("keywords")
        words = [given.get("prompt"), *(keywords if isinstance(keywords, list) else ())]
        return {
            "language": language if isinstance(language, str) and LANGUAGE.fullmatch(language) else "",
            "words": " ".join(word for word in words if isinstance(word, str))[:HINT_LIMIT],
        }

    @property
    def in_writing(self) -> bool:
        """Whether replies come as text alone."""
        return bool(self.config["output_modalities"] == ["text"])

    @property
    def input(self) -> AudioFormat:
        """The format of the client's audio."""
        return WIRE_FORMATS[self.config["audio"]["input"]["format"]["type"]]

    @property
    def output(self) -> AudioFormat:
        """The format of the persona's audio."""
        return WIRE_FORMATS[self.config["audio"]["output"]["format"]["type"]]

    def settings(self, base: SessionSettings, notes: str = "") -> SessionSettings:
        """Return the call's settings.

        Args:
            base: the operator's.
            notes: the client's system messages, which join its instructions.
        """
        config = self.config
        turns = config["audio"]["input"]["turn_detection"]
        chosen = config["audio"]["output"]["voice"]
        idle_ms, hints = self.idle_ms, self.hints
        prompts = () if idle_ms is None else (Prompt(idle_ms / 1000),) * PROMPTS_IN_A_ROW
        endpoints = base.endpoints
        if turns is not None and turns["type"] == "server_vad":
            start = min(0.95, max(0.1, turns["threshold"]))
            lower = start - (endpoints.start_probability - endpoints.stop_probability)
            endpoints = replace(endpoints, start_probability=start, stop_probability=max(0.05, lower))
        return replace(
            base,
            rules=replace(_rules(base.rules, turns, soonest_ms=endpoints.pause_ms + 20), on_request=not self.answers),
            endpoints=endpoints,
            silence=SilencePlan(prompts),
            text_only=self.in_writing,
            tools=tools_of(config["tools"]),
            tool_choice=choice_of(config["tool_choice"]),
            instructions="\n\n".join(part for part in (config["instructions"], notes) if part),
            max_tokens=limit_of(config["max_output_tokens"]),
            expected_words=hints["words"],
            language=hints["language"] or base.language,
            voice=None if chosen == self.voice else self.voices[chosen],
            voice_rate=config["audio"]["output"]["speed"],
            hangs_up=False,
        )


def turns_of(known: dict[str, Any] | None, given: dict[str, Any] | None) -> dict[str, Any] | None:
    """Merge turn detection: the fields of another type are its defaults.

    Raises:
        RealtimeError: a field cannot be used.
    """
    if given is None:
        return None
    same = known is not None and given.get("type", known["type"]) == known["type"]
    try:
        return _TURNS.validate_python({**(known or {} if same else {}), **given}).model_dump()
    except ValidationError as error:
        raise explained(error, ("session", "audio", "input", "turn_detection"), tags=TAGS) from None


def tools_of(tools: list[dict[str, Any]]) -> tuple[Tool, ...]:
    """Return a client's tools as the persona has them."""
    empty = {"type": "object", "properties": {}}
    return tuple(
        Tool(tool["name"], tool.get("description") or "", parameters=tool.get("parameters") or empty) for tool in tools
    )


def limit_of(tokens: int | str) -> int | None:
    """Return the most tokens of a reply; None for no bound of the client's."""
    return tokens if isinstance(tokens, int) else None


def choice_of(choice: str | dict[str, Any]) -> str:
    """Return a tool choice as a responder takes it."""
    return str(choice["name"]) if isinstance(choice, dict) else choice


def _rules(rules: Rules, turns: dict[str, Any] | None, *, soonest_ms: int) -> Rules:
    match turns:
        case None:
            return replace(rules, manual=True)
        case {"type": "server_vad", "silence_duration_ms": int(silence_ms)}:
            fixed = max(soonest_ms, silence_ms)
            patient = replace(rules, endpoint_ms=fixed, complete_ms=fixed, unfinished_ms=fixed)
        case _:
            times, most = PATIENCE[turns["eagerness"]]
            waits = (rules.endpoint_ms, rules.complete_ms, rules.unfinished_ms)
            endpoint, complete, unfinished = (min(most, max(soonest_ms, round(wait * times))) for wait in waits)
            patient = replace(rules, endpoint_ms=endpoint, complete_ms=complete, unfinished_ms=unfinished)
    return replace(patient, manual=False, barge_in=turns["interrupt_response"])


def _emptied(name: str, value: Any, known: Any) -> Any:
    """Return a field's new value; null clears what may be empty, and leaves the rest as it is."""
    if value is not None or name in ("tracing", "prompt", "include"):
        return value
    return {"instructions": "", "tools": []}.get(name, known)


def _check_tools(config: dict[str, Any]) -> None:
    names = [tool["name"] for tool in config["tools"]]
    for place, name in enumerate(names):
        if name in names[:place]:
            where = f"session.tools[{place}].name"
            raise RealtimeError("invalid_value", f"There are two tools named {name!r}; name them apart.", where)
    choice = config["tool_choice"]
    if isinstance(choice, dict) and choice["name"] not in names:
        raise RealtimeError("invalid_value", "The tool to use is none of the tools.", "session.tool_choice")


def described(tools: list[FunctionTool]) -> list[dict[str, Any]]:
    """Return the tools of an event as a session holds them."""
    return [tool.model_dump(exclude_none=True) for tool in tools]
