"""What one port offers: a persona to talk to, the voices of all, and what it says about itself to `describe`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from api.service import Service
from models.records.core import Persona, Practice
from pipeline.practice.naming import addressed
from voice.tts.base import VoiceStyle

VOICES_LIMIT = 100
"""Voices that one port announces."""

_PLAIN = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class PortOffer:
    """The offer of one port.

    Attributes:
        practice, persona: who answers.
        voices: the personas whose voices speak, by the voice's name; the port's own comes first.
        languages: what is understood; empty for all.
        stt, tts: names of the engines.
        url: of the service.
    """

    practice: Practice
    persona: Persona
    voices: Mapping[str, Persona]
    languages: tuple[str, ...]
    stt: str
    tts: str
    url: str = ""

    def style_of(self, voice: Mapping[str, Any]) -> VoiceStyle:
        """Return the style of a voice that a client names, by its name or its language; else the port's own."""
        name, language = voice.get("name"), voice.get("language")
        persona = self.voices.get(name, self.persona) if isinstance(name, str) else self.persona
        if not isinstance(name, str) and isinstance(language, str) and not _same_language(persona, language):
            fitting = (one for one in self.voices.values() if _same_language(one, language))
            if (found := next(fitting, None)) is None:
                return VoiceStyle(language=language[:35])
            persona = found
        own = persona.voice
        return VoiceStyle(names=own.names, rate=own.rate, pitch=own.pitch, language=own.language)

    def info(self) -> dict[str, Any]:
        """Return the data of an `info` frame."""
        about = f"Glow Voice: {self.persona.name}"
        asr = self._artifact("glow", about) | {
            "models": [self._artifact(_slug(self.stt), self.stt) | {"languages": list(self.languages)}],
            "supports_transcript_streaming": True,
            "requires_external_vad": False,
            "prefers_auto_gain_enabled": True,
            "prefers_noise_reduction_enabled": False,
        }
        voices = [
            self._artifact(name, persona.name) | {"languages": [persona.voice.language], "speakers": None}
            for name, persona in self.voices.items()
        ]
        tts = self._artifact("glow", about) | {"voices": voices, "supports_synthesize_streaming": True}
        described = self.persona.description or self.practice.name
        model = self._artifact(next(iter(self.voices)), described) | {"languages": [self.persona.voice.language]}
        handle = self._artifact(self.persona.name, described) | {
            "models": [model],
            "supports_handled_streaming": True,
            "supports_home_control": False,
        }
        return {"asr": [asr], "tts": [tts], "handle": [handle], "intent": [], "wake": [], "mic": [], "snd": []}

    def _artifact(self, name: str, description: str) -> dict[str, Any]:
        return {
            "name": name,
            "attribution": {"name": "Glow Voice", "url": self.url},
            "installed": True,
            "description": description,
            "version": version("glow-voice"),
        }


async def offer_of(service: Service, name: str | None) -> PortOffer:
    """Make the offer of a port.

    Args:
        name: a persona or a practice; None for the first ones.

    Raises:
        NotFound: there is none.
    """
    practice, persona = await addressed(service.store, name)
    others = [one for one in await service.store.find_personas("") if one.id != persona.id]
    language = service.settings.stt_language
    heard = persona.voice.language if language == "auto" else language
    names = service.shared_engines.names
    voices = _by_name([persona, *others][:VOICES_LIMIT])
    return PortOffer(practice, persona, voices, (heard,), names["stt"], names["tts"], service.settings.public_url)


def _by_name(personas: Iterable[Persona]) -> dict[str, Persona]:
    named: dict[str, Persona] = {}
    for persona in personas:
        name = base = _slug(persona.name)
        number = 1
        while name in named:
            number += 1
            name = f"{base}-{number}"
        named[name] = persona
    return named


def _slug(name: str) -> str:
    return _PLAIN.sub("-", name.lower()).strip("-") or "voice"


def _same_language(persona: Persona, language: str) -> bool:
    return persona.voice.language.split("-")[0].lower() == language.replace("_", "-").split("-")[0].lower()
