"""The voice of each persona: a Piper voice of its language and, if there is one, of the sort that it asks for.

A Piper voice has the phonemes of one language. Where none of the installed ones is the persona's, eSpeak NG speaks.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from voice.tts.base import SpeechChunk, Synthesizer, VoiceStyle
from voice.tts.espeak.voices import speaks

MEN = frozenset({"joe", "ryan", "hfc_male", "northern_english_male", "thorsten", "davefx"})
WOMEN = frozenset({"lessac", "amy", "hfc_female", "kristin", "alba", "jenny_dioco", "siwis"})

_PIPERS_OWN = {"cmn": "zh", "nb": "no"}
"""eSpeak's names of languages that Piper's voices have by another."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """Who speaks for a style.

    Attributes:
        piper: the Piper voice; None for eSpeak NG.
        lacking: what the persona asks for and does not get, a sentence; empty if nothing.
    """

    piper: Path | None
    lacking: str = ""


class PersonaVoices:
    """A `Synthesizer` that speaks with Piper where it has a voice of the persona's language, else with eSpeak NG."""

    def __init__(self, piper: Synthesizer, embedded: Synthesizer, default: Path, voices: Sequence[Path]) -> None:
        """Choose among these voices; nothing is loaded.

        Args:
            piper: a synthesizer that takes the names of `voices` in `VoiceStyle.names["piper"]`.
            embedded: eSpeak NG.
            default: the voice that `piper` speaks with by default.
            voices: all of its voices, the best first.
        """
        self.name = piper.name
        self._piper, self._embedded = piper, embedded
        self._default = default
        self._voices = [default, *(voice for voice in voices if voice != default)]
        self._languages = {voice: language_of(voice) for voice in self._voices}
        self._told = {""}

    def warm(self) -> None:
        """Load the default voice, if that was left for later.

        Raises:
            EngineUnavailable: it cannot be loaded.
        """
        from voice.tts.piper.engine import PiperSynthesizer

        if isinstance(self._piper, PiperSynthesizer):
            self._piper.warm()

    def choice(self, style: VoiceStyle) -> VoiceChoice:
        """Return who speaks for a style, and what it lacks.

        The persona's own Piper voice if it is installed and of its language; else the best of its language, of the sort
        that its names ask for (a woman's or a man's) before another, and of its region before another.
        """
        language, sort = _primary(style.language), sort_of(style)
        own = style.names.get("piper", "").partition("#")[0]
        named = [voice for voice in self._voices if voice.stem == own]
        # A persona of the default language may have been given nothing but the name of a foreign voice.
        if named and (self._languages[named[0]] == language or language == "en"):
            return VoiceChoice(named[0])
        speaking = [voice for voice in self._voices if self._languages[voice] == language]
        if not speaking:
            asked = repr(style.language[:40])
            if speaks(style.language):
                return VoiceChoice(
                    None, f"No Piper voice here speaks {asked}, so that eSpeak NG does; see `glow models`."
                )
            return VoiceChoice(self._default, f"No voice here speaks {asked}, so that {self._default.stem} does.")
        region = style.language.replace("-", "_").lower()
        best = min(
            speaking, key=lambda voice: (_sort(voice.stem) != sort, not voice.stem.lower().startswith(f"{region}-"))
        )
        if sort and _sort(best.stem) not in ("", sort):
            return VoiceChoice(best, f"A {sort}'s voice is asked for, and {best.stem} is not one.")
        return VoiceChoice(best)

    def lacking(self, style: VoiceStyle) -> str:
        """Return what a style lacks, a sentence, to be told by the caller; empty if nothing."""
        lacking = self.choice(style).lacking
        self._told.add(lacking)
        return lacking

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """See `Synthesizer.synthesize`; what a persona lacks is logged once."""
        choice, told = self.choice(style), set(self._told)
        if self.lacking(style) not in told:
            _log.info("%s", choice.lacking)
        if choice.piper is None:
            return self._embedded.synthesize(text, style, cancelled=cancelled)
        if choice.piper.stem != style.names.get("piper", "").partition("#")[0]:
            style = replace(style, names={**style.names, "piper": _name(choice.piper, self._default)})
        return self._piper.synthesize(text, style, cancelled=cancelled)


def language_of(voice: Path) -> str:
    """Return the language whose phonemes a Piper voice has ("es"): its description's, else that of its name."""
    try:
        described = json.loads(voice.with_name(f"{voice.name}.json").read_text(encoding="utf-8"))["espeak"]["voice"]
        spoken = _primary(str(described))
    except (OSError, ValueError, KeyError, TypeError):
        spoken = _primary(voice.stem.partition("-")[0])
    return _PIPERS_OWN.get(spoken, spoken)


def sort_of(style: VoiceStyle) -> str:
    """Return "woman" or "man" if the names of a style ask for one: a known Piper voice, or eSpeak's +f3 or +m3."""
    sort = _sort(style.names.get("piper", "").partition("#")[0])
    variant = style.names.get("espeak", "").partition("+")[2].strip().lower()
    return sort or {"f": "woman", "m": "man"}.get(variant[:1] if variant[1:].isdigit() else "", "")


def _sort(name: str) -> str:
    speaker = name.partition("-")[2].rpartition("-")[0]
    return "man" if speaker in MEN else "woman" if speaker in WOMEN else ""


def _name(voice: Path, default: Path) -> str:
    # The default one may be in another folder, where its name finds nothing.
    return "" if voice == default else voice.stem


def _primary(language: str) -> str:
    return language.strip().replace("_", "-").partition("-")[0].lower()
