"""eSpeak NG in process: ctypes on the `espeakng-loader` wheel, with word timings.

eSpeak has global state and is not thread-safe, so one thread of this module owns it and synthesizes one clause at a
time, about 900 times faster than real time. Audio is passed on from eSpeak's callback as it comes.

The wave generator carries its pitch flutter, its phase and the rest of a stopped clause over into the next clause, and
no function of the API resets them. So the library is reloaded for every clause, once the previous one is done (1 ms,
plus 3 to 5 ms where eSpeak reads its list of voices): the same text in the same style gives the same samples.
"""

import bisect
import contextlib
import ctypes
import os
import re
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice.errors import Cancelled, EngineFailed, EngineUnavailable
from voice.tts.base import Int16Mono, SpeechChunk, VoiceStyle, Word
from voice.tts.espeak.voices import DEFAULT_VOICE, data_folder, resolve

if sys.platform == "win32":
    from _ctypes import FreeLibrary as unload  # noqa: N813
else:
    from _ctypes import dlclose as unload

RATE_HZ = 22050
MAX_CHARACTERS = 2000

_WORDS_PER_MINUTE = 175
# eSpeak's pitch parameter 0..100 and the measured fundamental relative to that at 50; both ends are its limits.
_PITCH_PARAMETER = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
_PITCH_RATIO = (0.715, 0.73, 0.77, 0.83, 0.90, 1.0, 1.11, 1.22, 1.36, 1.52, 1.69)

_RETRIEVAL, _DO_NOT_EXIT, _BUFFER_MS = 2, 0x8000, 200
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_UTF8, _END_PAUSE = 1, 0x1000
_EVENT_LIST_END, _EVENT_WORD, _EVENT_CLAUSE_END = 0, 1, 5

_CHUNK = RATE_HZ // 5
_QUIET = 24
_LEAD = RATE_HZ * 5 // 1000
_TAIL = RATE_HZ * 20 // 1000
_LONGEST_PAUSE = RATE_HZ * 350 // 1000

_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TOKEN = re.compile(r"[^\W_]+(?:[.,:/'’-][^\W_]+)*")
_PAUSING = re.compile(r"[.,;:!?…。！？][\"'”’)\]]*\s*$")


class EspeakSynthesizer:
    """A `Synthesizer` on eSpeak NG.

    `VoiceStyle.names["espeak"]` is a language with an optional variant ("en-us", "en-gb+f3"); pitch is limited to
    0.72..1.69.
    """

    name = "espeak"

    def __init__(self) -> None:
        """Load the library.

        Raises:
            EngineUnavailable: the wheel is missing or damaged.
        """
        _owner.submit(_library.prepare).result()
        resolve("")

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """Synthesize one clause: int16 chunks of about 200 ms at 22050 Hz, shape (n,), with their words.

        Args:
            text: at most 2000 characters; the rest is dropped.
            style: voice, rate and pitch.
            cancelled: polled between chunks; closing the iterator stops eSpeak, too.

        Raises:
            Cancelled: `cancelled()` turned True.
            EngineUnavailable: no such voice.
            EngineFailed: eSpeak returned an error.

        Source: eSpeak NG 1.52, speak_lib.h.
        """
        voice = resolve(style.names.get("espeak", ""), style.language)
        ready: SimpleQueue[SpeechChunk | None] = SimpleQueue()
        stop = threading.Event()
        clause = _Clause(text[:MAX_CHARACTERS], voice, style, ready.put, stop.is_set)
        saying = _owner.submit(clause.say)
        _owner.submit(_library.renew)
        saying.add_done_callback(lambda _: ready.put(None))
        try:
            while (chunk := ready.get()) is not None:
                if cancelled():
                    raise Cancelled("The clause is no longer wanted; ask again to hear it.")
                yield chunk
            saying.result()
        finally:
            stop.set()
            saying.cancel()


class _Clause:
    """One call of espeak_Synth: trims silence, converts events to words, emits chunks whose words are complete."""

    def __init__(
        self, text: str, voice: str, style: VoiceStyle, emit: Callable[[SpeechChunk], None], stopped: Callable[[], bool]
    ) -> None:
        # Replace character by character, so that eSpeak's positions remain positions in the text.
        self.text = _UNSPEAKABLE.sub(" ", text)
        self._voice, self._style, self._emit, self._stopped = voice, style, emit, stopped
        self._tokens = [match.span() for match in _TOKEN.finditer(self.text)]
        self._last_token = -1
        self._lead = -1  # samples trimmed at the start; unknown until the first sound
        self._heard = 0  # samples received before the current callback
        self._loud: deque[NDArray[np.int64]] = deque(maxlen=16)  # recent positions of sound, latest first
        self._length = 0  # samples queued so far
        self._quiet: list[Int16Mono] = []  # silence that is emitted only if sound follows
        self._pending: deque[tuple[Int16Mono, int]] = deque()  # audio and its first sample
        self._words: deque[Word] = deque()
        self._open: tuple[int, int, int] | None = None  # text start, text end, first sample

    def say(self) -> None:
        """Synthesize; runs in the thread that owns eSpeak."""
        if not self._tokens or self._stopped():
            return
        library = _library.take()
        if library.espeak_SetVoiceByName(self._voice.encode()) != 0:
            raise EngineUnavailable(f"eSpeak NG cannot load the voice {self._voice!r}; `glow models` lists the voices.")
        style = self._style
        pitch = round(float(np.interp(style.pitch, _PITCH_RATIO, _PITCH_PARAMETER)))
        rate = round(_WORDS_PER_MINUTE * min(2.0, max(0.5, style.rate)))
        for parameter, value in ((_RATE, rate), (_VOLUME, 100), (_PITCH, pitch), (_RANGE, 50)):
            library.espeak_SetParameter(parameter, value, 0)
        data = self.text.encode() + b"\0"
        flags = _UTF8 | (_END_PAUSE if _PAUSING.search(self.text) else 0)
        _current.append(self)
        try:
            status = library.espeak_Synth(data, len(data), 0, 1, 0, flags, None, None)
        finally:
            _current.clear()
        if self._stopped():
            return
        if status != 0:
            raise EngineFailed(f"eSpeak NG refused the text (status {status}); try a shorter clause.")
        self._finish()

    def hear(self, audio: Int16Mono, events: list[tuple[int, int, int]]) -> bool:
        """Handle a callback; return True to stop eSpeak. `events` are (type, character from 1, sample)."""
        self._queue(audio)
        for kind, character, sample in events:
            if kind == _EVENT_WORD:
                self._begin(character - 1, sample)
            elif kind == _EVENT_CLAUSE_END:
                self._close(sample)
        self._heard += len(audio)
        self._release(final=False)
        return self._stopped()

    def _begin(self, character: int, sample: int) -> None:
        index = bisect.bisect_right(self._tokens, (character, len(self.text))) - 1
        # A number has several events and a symbol has its own: only a later word of the text begins a word.
        if index <= self._last_token or character >= self._tokens[index][1]:
            return
        self._close(sample)
        self._last_token = index
        self._open = (*self._tokens[index], sample)

    def _close(self, sample: int) -> None:
        if self._open is None:
            return
        text_start, text_end, start = self._open
        # eSpeak counts the pause after a word as part of it.
        sounding = next((loud[i - 1] + 1 for loud in self._loud if (i := np.searchsorted(loud, sample))), sample)
        self._words.append(Word(text_start, text_end, start, max(start, int(sounding))))
        self._open = None

    def _queue(self, audio: Int16Mono) -> None:
        loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > _QUIET)
        if len(loud):
            self._loud.appendleft(loud + self._heard)
        if self._lead < 0:
            if not len(loud):
                return
            cut = max(0, int(loud[0]) - _LEAD)
            self._lead = self._heard + cut
            audio, loud = audio[cut:], loud - cut
        if not len(loud):
            self._quiet.append(audio)
            return
        end = int(loud[-1]) + 1
        self._push(np.concatenate([*self._quiet, audio[:end]]))
        self._quiet = [audio[end:]]

    def _push(self, audio: Int16Mono) -> None:
        for part in np.array_split(audio, max(1, round(len(audio) / _CHUNK))) if len(audio) else ():
            self._pending.append((part, self._length))
            self._length += len(part)

    def _release(self, *, final: bool) -> None:
        open_from = self._open[2] - self._lead if self._open else self._length
        while self._pending:
            audio, first = self._pending[0]
            end = first + len(audio)
            # A chunk is emitted with its words, and a word is complete only once the next one begins.
            if not final and open_from < end:
                return
            self._pending.popleft()
            words = []
            while self._words and (final or self._words[0].start - self._lead < end):
                word = self._words.popleft()
                words.append(Word(word.text_start, word.text_end, self._at(word.start), self._at(word.end)))
            self._emit(SpeechChunk(audio, RATE_HZ, tuple(words)))

    def _at(self, sample: int) -> int:
        return max(0, sample - self._lead)

    def _finish(self) -> None:
        if self._lead < 0:
            return
        self._close(self._lead + self._length)
        pause = np.concatenate(self._quiet) if self._quiet else np.zeros(0, np.int16)
        longest = _LONGEST_PAUSE if _PAUSING.search(self.text) else _TAIL
        self._push(pause[:longest])
        self._release(final=True)


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class EspeakEvent(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_current: list[_Clause] = []


def _callback(wave: Any, count: int, events: Any) -> int:
    found = []
    index = 0
    while (event := events[index]).type != _EVENT_LIST_END:
        found.append((event.type, event.text_position, event.sample))
        index += 1
    audio = np.ctypeslib.as_array(wave, (count,)).copy() if wave and count > 0 else np.zeros(0, np.int16)
    return int(_current[0].hear(audio, found)) if _current else 1


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(EspeakEvent))(
    _callback
)


_free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(("free", ctypes.CDLL(None)))


class _Library:
    """The loaded library; used by the owner's thread only."""

    def __init__(self) -> None:
        self._loaded: ctypes.CDLL | None = None
        self._voices: int | None = None
        self._used = False

    def prepare(self) -> None:
        """Load the library if it is not loaded."""
        if self._loaded is None:
            self._loaded, self._voices = _load()

    def take(self) -> ctypes.CDLL:
        """Return the library in its initial state, for one clause."""
        self._renewed()
        self.prepare()
        assert self._loaded is not None
        self._used = True
        return self._loaded

    def renew(self) -> None:
        """Reload the library for the next clause, ahead of time, since it takes 5 ms."""
        self._renewed()
        # If it fails to load, the next clause reports it.
        with contextlib.suppress(EngineUnavailable):
            self.prepare()

    def _renewed(self) -> None:
        if self._loaded is None or not self._used:
            return
        library, self._loaded, self._used = self._loaded, None, False
        library.espeak_Terminate()
        _free(self._voices)  # its own list of voices, which its end forgets to free: 2 kB a clause
        unload(library._handle)


def _load() -> tuple[ctypes.CDLL, int | None]:
    """Load the library; return it, and the address of its list of voices."""
    data = data_folder()
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise EngineUnavailable(
            "eSpeak NG's library does not load; run `pip install --force-reinstall espeakng-loader`."
        ) from error
    rate_hz = library.espeak_Initialize(_RETRIEVAL, _BUFFER_MS, os.fsencode(data), _DO_NOT_EXIT)
    if rate_hz != RATE_HZ:
        raise EngineUnavailable(
            "eSpeak NG does not start from its data; run `pip install --force-reinstall espeakng-loader`."
        )
    library.espeak_SetSynthCallback(_CALLBACK)
    # Breathy voices use a random generator that is seeded with the time of day.
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))
    # The first voice by name would make eSpeak read the list of all voices; so its address is known.
    library.espeak_ListVoices.restype = ctypes.c_void_p
    voices: int | None = library.espeak_ListVoices(None)
    library.espeak_SetVoiceByName(DEFAULT_VOICE.encode())
    return library, voices


_library = _Library()


def _new_owner() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="espeak")


_owner = _new_owner()


def _after_fork() -> None:
    # A forked child has the library's memory but not the thread that owns it.
    global _owner
    _owner = _new_owner()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
