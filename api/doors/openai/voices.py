"""Voices by name: those of the personas, and OpenAI's, each of which is always the same one of ours."""

from models.records.core import Persona
from voice.tts.base import VoiceStyle

_WOMAN, _MAN = "en_US-lessac-medium", "en_US-ryan-medium"

OPENAI_VOICES = {
    "alloy": VoiceStyle({"piper": _WOMAN, "espeak": "en-us+f2"}),
    "ash": VoiceStyle({"piper": _MAN, "espeak": "en-us+m1"}),
    "ballad": VoiceStyle({"piper": _MAN, "espeak": "en-gb+m2"}),
    "cedar": VoiceStyle({"piper": _MAN, "espeak": "en-us+m3"}),
    "coral": VoiceStyle({"piper": _WOMAN, "espeak": "en-us+f3"}),
    "echo": VoiceStyle({"piper": _MAN, "espeak": "en-us+m4"}),
    "fable": VoiceStyle({"piper": _MAN, "espeak": "en-gb+m5"}),
    "marin": VoiceStyle({"piper": _WOMAN, "espeak": "en-us+f4"}),
    "nova": VoiceStyle({"piper": _WOMAN, "espeak": "en-us+f5"}),
    "onyx": VoiceStyle({"piper": _MAN, "espeak": "en-us+m6"}, pitch=0.9),
    "sage": VoiceStyle({"piper": _WOMAN, "espeak": "en-gb+f1"}),
    "shimmer": VoiceStyle({"piper": _WOMAN, "espeak": "en-us+f1"}, pitch=1.1),
    "verse": VoiceStyle({"piper": _MAN, "espeak": "en-us+m7"}),
}


def style_of(persona: Persona) -> VoiceStyle:
    """Return a persona's own voice."""
    voice = persona.voice
    return VoiceStyle(names=voice.names, rate=voice.rate, pitch=voice.pitch, language=voice.language)


def voices_of(personas: list[Persona]) -> dict[str, VoiceStyle]:
    """Return the voices that a user may choose, by name: a persona's has its id, and its name."""
    named = dict(OPENAI_VOICES)
    for persona in personas:
        for name in (persona.id, persona.name, persona.name.casefold()):
            named.setdefault(name, style_of(persona))
    return named
