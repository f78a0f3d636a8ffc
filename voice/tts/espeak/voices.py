"""The voices of eSpeak NG: languages and variants, read from the data folder of the `espeakng-loader` wheel."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from voice.errors import EngineUnavailable

DEFAULT_VOICE = "en-us"


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A language of eSpeak NG.

    Attributes:
        name: its name in `VoiceStyle.names["espeak"]`, optionally followed by "+" and a variant.
        title: eSpeak's display name.
        identifier: unambiguous name for `espeak_SetVoiceByName`.
        languages: the BCP 47 tags that it serves, in lower case, with eSpeak's priority (lower is better).
    """

    name: str
    title: str
    identifier: str
    languages: tuple[tuple[str, int], ...]


def resolve(name: str, language: str = "en") -> str:
    """Resolve a voice name to the identifier for `espeak_SetVoiceByName`.

    Args:
        name: "en-us", "en-gb+f3", "English (America)"; empty for the best voice of `language`.
        language: BCP 47 tag; if it is not English, a voice of another language gives way to its best one.

    Raises:
        EngineUnavailable: no such voice, variant or language.
    """
    base, _, variant = name.partition("+")
    asked = base.strip().lower()
    identifier = _base(asked or _default(language))
    if asked and identifier is not None and not _serves(identifier, language):
        identifier = _base(_default(language)) or identifier
    if identifier is None:
        raise EngineUnavailable(
            f"eSpeak NG has no voice {_shown(base or language)}; `glow models` lists them, {DEFAULT_VOICE} is one."
        )
    if not variant:
        return identifier
    known = {candidate.lower(): candidate for candidate in variants()}
    if variant.strip().lower() not in known:
        raise EngineUnavailable(
            f"eSpeak NG has no variant {_shown(variant)}; `glow models` lists them, {DEFAULT_VOICE}+f3 is one."
        )
    return f"{identifier}+{known[variant.strip().lower()]}"


def speaks(language: str) -> bool:
    """Return whether there is a voice of this language, a BCP 47 tag, or of its other regions."""
    return _base(_default(language)) is not None


@cache
def voices() -> tuple[EspeakVoice, ...]:
    """List the installed languages, by name."""
    root = data_folder() / "lang"
    found = [_read(path, path.relative_to(root).as_posix()) for path in root.rglob("*") if path.is_file()]
    return tuple(sorted(found, key=lambda voice: voice.name))


@cache
def variants() -> tuple[str, ...]:
    """List the variants ("f3", "m1", "whisper") that can be appended to a language after a plus sign."""
    return tuple(sorted(path.name for path in (data_folder() / "voices" / "!v").iterdir() if path.is_file()))


def data_folder() -> Path:
    """Return the wheel's data folder.

    Raises:
        EngineUnavailable: the wheel is missing or damaged.
    """
    try:
        import espeakng_loader

        return Path(espeakng_loader.get_data_path())
    except (ImportError, RuntimeError) as error:
        raise EngineUnavailable(
            "eSpeak NG is not installed completely; run `pip install --force-reinstall espeakng-loader`."
        ) from error


def _read(path: Path, identifier: str) -> EspeakVoice:
    title, languages = path.name, []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match line.split():
            case ["name", *words]:
                title = " ".join(words)
            case ["language", tag, *priority]:
                languages.append((tag.lower(), int(priority[0]) if priority and priority[0].isdigit() else 5))
    return EspeakVoice(path.name.lower(), title, identifier, tuple(languages))


@cache
def _base(name: str) -> str | None:
    for voice in voices():
        if name in (voice.name, voice.title.lower(), voice.identifier.lower()):
            return voice.identifier
    serving = [(priority, voice.identifier) for voice in voices() for tag, priority in voice.languages if tag == name]
    return min(serving)[1] if serving else None


@cache
def _default(language: str) -> str:
    tag = language.strip().lower().replace("_", "-")
    if tag in ("", "en"):
        return DEFAULT_VOICE
    # An unknown region ("de-at") falls back to its language.
    return tag if _base(tag) else tag.partition("-")[0]


def _serves(identifier: str, language: str) -> bool:
    spoken = _default(language).partition("-")[0]
    if spoken == "en":  # also the language of a persona that was given nothing but the name of a voice
        return True
    tags = next((voice.languages for voice in voices() if voice.identifier == identifier), ())
    return any(tag.partition("-")[0] == spoken for tag, _ in tags)


def _shown(name: str) -> str:
    return repr(name[:40])
