"""The startup message of `glow serve`: its URL, its engines, how to get better ones, and a token."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from api.certificate import fingerprint
from api.cli.links import NO_MICROPHONE, has_microphone, page_url
from api.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

SELF_SIGNED = (
    "The certificate is the service's own, so browsers warn of it once: nobody vouches that this is the "
    "machine you mean. Go on only if the fingerprint that the browser shows is {}."
)

_STAGES = (("stt", "hears with"), ("llm", "answers with"), ("tts", "speaks with"))


def welcome(console: Console, app: "FastAPI", settings: Settings, port: int, token: str | None) -> None:
    """Print the message."""
    url = page_url(settings, "", port=port)
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
    if settings.is_loopback and not settings.public_url:

        def link() -> None:
            """Print a link to the talk page, and another one when it was used."""
            address = page_url(settings, port=port, opens=f"code={app.state.page_codes.issue()}")
            console.print(Text(f"Talk in your browser, once by this link: {address}", "bold"))

        app.state.page_opened = link
        link()
    else:
        console.print(Text("Talk in a browser: `glow invite PRACTICE` makes a link for one call.", "dim"))
        if not has_microphone(url):
            console.print(Text(NO_MICROPHONE, "yellow"))
    if settings.tls_self_signed:
        printed = fingerprint(settings.data_dir / "tls" / "certificate.pem")
        console.print(Text(SELF_SIGNED.format(printed), "dim"))
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
