"""The words of a recogniser's text: without the names of noises, tags and time stamps, and no more than were said."""

import re

from voice.audio.formats import RATE_HZ, Samples
from voice.errors import EngineFailed

CHARACTERS = 200
CHARACTERS_A_SECOND = 60
"""Maximum length of a transcript: the fastest speakers say ten words a second."""

_MARKED_UP = 8
"""How many times as long a text with tags and time stamps may be."""

_UNSAYABLE = re.compile("[\x00\ud800-\udfff]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BLANKS = re.compile(r"\s+")
_TIME = r"(?:\d{1,2}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_MARKUP = re.compile(
    r"<[|｜][^<>|｜]{0,40}[|｜]>|^\s*WEBVTT\b[^\n]*"
    rf"|(?:^\s*\d+\s*\n)?[\[(]?\s*\b{_TIME}\s*-->\s*{_TIME}\s*[\])]?"
    rf"|[\[(]\s*{_TIME}\s*[\])]|\[\s*\d+(?:\.\d+)?\s*s\s*\]",
    re.MULTILINE,
)
_SONG = re.compile("[♩♪♫♬🎵🎶][^♩♪♫♬🎵🎶]{0,500}[♩♪♫♬🎵🎶]")
_NOTE = re.compile("[♩♪♫♬🎵🎶]")
_SQUARE = re.compile(r"\[[^\[\]\d]{0,100}\]|【[^【】\d]{0,100}】")
_ASIDE = re.compile(r"\([^()\d]{0,100}\)|（[^（）\d]{0,100}）|(?<!\w)\*[^*\d\n]{1,100}\*(?!\w)|^\s*-\s*$")
_NOISE = re.compile(
    r"\b(?:blank|silen\w+|no (?:audio|speech|sound)|inaudible|unintelligible|indistinct|foreign|music\w*|song|singing|"
    r"sings?|humm?s?(?:ing)?|whistl\w+|ring(?:s|ing)?|beep\w*|buzz\w*|click\w*|clack\w*|typing|keyboard|static|noises?|"
    r"sounds?|laugh\w*|chuckl\w+|giggl\w+|cough\w*|sneez\w+|sniff\w*|sigh\w*|breath\w*|exhal\w+|inhal\w+|gasp\w*|"
    r"groan\w*|moan\w*|cry(?:ing)?|cries|sob\w*|scream\w*|shout\w*|yell\w*|mumbl\w+|murmur\w*|whisper\w*|chatter\w*|"
    r"applau\w+|clap\w*|cheer\w*|crowd|door\w*|knock\w*|footsteps|bark\w*|dog|meow\w*|birds?|chirp\w*|wind|thunder|rain|"
    r"engine|siren\w*|horn\w*|honk\w*|phone|bell|alarm|gunshots?|explosion|pause\w*|clear(?:s|ing)|"
    r"speak(?:s|ing)|clicks? tongue|smack\w*|snor\w+|yawn\w*|burp\w*|hiccup\w*)\b",
    re.IGNORECASE,
)


def spoken_words(text: str, length: Samples) -> str:
    """Return the words that a recogniser heard, on one line; empty if it only named noises.

    `[BLANK_AUDIO]`, `(phone ringing)`, `♪` and dots are no words; `<|en|>` and time stamps are taken out. Half a
    surrogate pair becomes U+FFFD.

    Args:
        text: what the engine wrote.
        length: samples of the audio, at 16 kHz.

    Raises:
        EngineFailed: this audio cannot hold so many words.
    """
    most = CHARACTERS + CHARACTERS_A_SECOND * length // RATE_HZ
    if len(text) <= most * _MARKED_UP:
        text = _INVISIBLE.sub("", _UNSAYABLE.sub("\ufffd", text))
        text = _BLANKS.sub(lambda found: "\n" if "\n" in found[0] else " ", text)
        text = _NOTE.sub(" ", _SONG.sub(" ", _SQUARE.sub(" ", _MARKUP.sub(" ", text))))
        if not any(map(str.isalnum, _ASIDE.sub(" ", text))):
            return ""
        text = " ".join(_ASIDE.sub(lambda found: " " if _NOISE.search(found[0]) else found[0], text).split())
    if len(text) > most:
        raise EngineFailed(
            f"The recogniser wrote {len(text)} characters for {length / RATE_HZ:.1f} s of sound, more than anyone "
            "says; say it again, and look at the recogniser if it goes on."
        )
    return text
