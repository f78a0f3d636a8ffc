"""The beta dialect: other names of the same events, and a flat session. Everything behind it speaks GA."""

from collections.abc import Mapping
from typing import Any

from api.doors.openai.realtime.errors import RealtimeError

_NAMES = {
    "conversation.item.added": "conversation.item.created",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
}
_UNKNOWN = ("conversation.item.done",)
_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_BACK = {name: beta for beta, name in _FORMATS.items()}
_CONTENTS = {"output_audio": "audio", "output_text": "text"}
_SAME = ("instructions", "tools", "tool_choice", "tracing", "include")


def in_beta(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Translate a server event; None for one that the beta dialect has not."""
    if event["type"] in _UNKNOWN:
        return None
    told = {**event, "type": _NAMES.get(event["type"], event["type"])}
    if "session" in told:
        told["session"] = flat(told["session"])
        if told["session"]["object"] == "realtime.transcription_session":
            told["type"] = f"transcription_{told['type']}"
    if "item" in told:
        told["item"] = _item(told["item"])
    if "response" in told:
        told["response"] = _response(told["response"])
    return told


def flat(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session as the beta dialect shows it."""
    heard = session["audio"]["input"]
    turns = heard["turn_detection"]
    common = {
        "id": session["id"],
        "object": session["object"],
        "expires_at": session["expires_at"],
        "input_audio_format": _BACK[heard["format"]["type"]],
        "input_audio_transcription": heard["transcription"],
        "input_audio_noise_reduction": heard["noise_reduction"],
        "turn_detection": turns and {name: value for name, value in turns.items() if name != "idle_timeout_ms"},
    }
    if session["type"] == "transcription":
        return {**common, "modalities": ["text"], "include": session["include"]}
    spoken = session["audio"]["output"]
    return {
        **common,
        "model": session["model"],
        "modalities": _modalities(session["output_modalities"]),
        "voice": spoken["voice"],
        "speed": spoken["speed"],
        "output_audio_format": _BACK[spoken["format"]["type"]],
        "temperature": 0.8,
        "max_response_output_tokens": session["max_output_tokens"],
        **{name: session[name] for name in _SAME},
    }


def from_beta(message: dict[str, Any]) -> dict[str, Any]:
    """Translate a client event of the beta dialect.

    Raises:
        RealtimeError: a format or a modality that is none.
    """
    match message.get("type"):
        case "session.update" | "transcription_session.update" as kind:
            given, transcribes = message.get("session"), kind.startswith("transcription")
            told = _nested(given, transcribes=transcribes) if isinstance(given, dict) else given
            return {**message, "type": "session.update", "session": told}
        case "response.create" if isinstance(given := message.get("response"), dict):
            response = dict(given)
            _rename(response, "modalities", "output_modalities")
            _rename(response, "max_response_output_tokens", "max_output_tokens")
            if response.get("output_modalities"):
                response["output_modalities"] = _one_of(response["output_modalities"])
            return {**message, "response": response}
        case _:
            return message


def _nested(given: dict[str, Any], *, transcribes: bool) -> dict[str, Any]:
    session: dict[str, Any] = {"type": "transcription" if transcribes else "realtime"}
    session |= {name: given[name] for name in (*_SAME, "model") if name in given}
    if given.get("modalities"):
        session["output_modalities"] = _one_of(given["modalities"])
    if "max_response_output_tokens" in given:
        session["max_output_tokens"] = given["max_response_output_tokens"]
    heard: dict[str, Any] = {}
    spoken: dict[str, Any] = {}
    for side, name in ((heard, "input_audio_format"), (spoken, "output_audio_format")):
        if given.get(name) is not None:
            side["format"] = {"type": _format(given[name], name)}
    for beta, name in (
        ("input_audio_transcription", "transcription"),
        ("input_audio_noise_reduction", "noise_reduction"),
        ("turn_detection", "turn_detection"),
    ):
        if beta in given:
            heard[name] = given[beta]
    if isinstance(heard.get("turn_detection"), dict) and heard["turn_detection"].get("type") == "none":
        heard["turn_detection"] = None
    spoken |= {name: given[name] for name in ("voice", "speed") if given.get(name) is not None}
    session["audio"] = {"input": heard, "output": spoken}
    return session


def _format(name: Any, field: str) -> str:
    if not isinstance(name, str) or name not in _FORMATS:
        raise RealtimeError("invalid_value", f"The format is one of {', '.join(_FORMATS)}.", f"session.{field}")
    return _FORMATS[name]


def _one_of(modalities: Any) -> Any:
    return ["audio"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _modalities(modalities: list[str]) -> list[str]:
    return ["audio", "text"] if modalities == ["audio"] else modalities


def _rename(fields: dict[str, Any], old: str, new: str) -> None:
    if old in fields:
        fields[new] = fields.pop(old)


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    if "content" not in item:
        return dict(item)
    parts = [{**part, "type": _CONTENTS.get(part["type"], part["type"])} for part in item["content"]]
    return {**item, "content": parts}


def _response(response: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in response.items() if name != "audio"}
    modalities = told.pop("output_modalities")
    told["output"] = [_item(item) for item in told["output"]]
    return {**told, "modalities": _modalities(modalities)}
