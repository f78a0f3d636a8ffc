"""The startup message of `glow serve`: its URL, its engines, how to get better ones, and a token."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from api.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

_STAGES = (("stt", "hears with"), ("llm", "answers with"), ("tts", "speaks with"))


def welcome(console: Console, app: "FastAPI", settings: Settings, port: int, token: str | None) -> None:
    """Print the message."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = settings.public_url or f"http://{host}:{port}"
    console.print(Text(f"Glow Voice at {url}", "bold"))
    names = app.state.service.shared_engines.names
    for stage, verb in _STAGES:
        line = Text(f"  {verb:13} {names[stage]:24}")
        better = better_engine(stage, names[stage])
        about = [limits_of(stage, names[stage]), f"better: {better}" if better else ""]
        line.append("; ".join(filter(None, about)), "dim")
        console.print(line)
    for sentence in app.state.service.shared_engines.unvoiced:
        console.print(Text(f"  {sentence}", "dim"))
    if token:
        console.print(Text(f"Token for this run: {token}"))
        console.print(Text(f"Try: GLOW_TOKEN={token} glow talk FILE.wav --url {url}", "dim"))
    elif not settings.tokens:
        console.print(Text("Clients need a token: make one with `glow token create USER`.", "dim"))


def limits_of(stage: str, name: str) -> str:
    """Return the limitations of a stage's engine; empty if there are none."""
    from voice.stt.catalog import limits_of as limits_of_ears
    from voice.tts.catalog import limits_of as limits_of_voice

    match stage:
        case "stt":
            return limits_of_ears(name)
        case "tts":
            return limits_of_voice(name)
    return ""


def better_engine(stage: str, name: str) -> str:
    """Return how to get a better engine for this stage; empty if there is none."""
    from voice.stt.choose import BETTER as BETTER_EARS
    from voice.tts.catalog import PULL_COMMAND as BETTER_VOICE

    match stage:
        case "stt" if name.startswith("pocketsphinx"):
            return BETTER_EARS
        case "tts" if name.startswith("espeak"):
            return BETTER_VOICE
        case "llm" if name.startswith("scripted"):
            return "set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own"
    return ""
