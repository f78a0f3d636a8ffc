"""Decoding of Ogg, WebM and WAV streams and of whole recordings to 16 kHz mono, with every size bounded.

The first bytes choose the demuxer, never FFmpeg's own probing: some of FFmpeg's formats are playlists, whose URLs it
would open.
"""

import io
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Protocol

import av
import av.error
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from voice.audio.formats import RATE_HZ, Float32Mono16k, Int16Mono, float32_of
from voice.audio.framing import EbmlFraming, Framing, OggFraming
from voice.audio.resample import HIGHEST_HZ, LOWEST_HZ
from voice.audio.wav import WavStream
from voice.errors import EmptyRecording, InvalidAudio, UnsupportedFormat

_CODECS = {"opus", "vorbis", "flac", "mp3", "mp3float", "aac"}
_MOST_CHANNELS = 8
_MOST_SILENT_BYTES = 1 << 20
_MOST_SECONDS_A_PUSH = 600
_NOTHING = np.zeros(0, np.int16)


class ContainerStream(Protocol):
    """A decoder of one container stream."""

    def push(self, data: bytes) -> Int16Mono:
        """Feed the next bytes and return the 16 kHz samples that are ready, shape (n,)."""

    def finish(self) -> Int16Mono:
        """Return the remaining samples."""

    def check_end(self) -> None:
        """Raise InvalidAudio if the container was truncated; call it after `finish`."""

    def close(self) -> None:
        """Stop decoding. Idempotent."""


class ContainerDecoder:
    """Decodes one Ogg, WebM or WAV stream, however its bytes are split. Blocking: call it from a worker thread.

    Everything decoded before an error has been returned already; after an error, begin a new stream.
    """

    def __init__(self, *, max_seconds: float = 4 * 3600) -> None:
        self._max_samples = int(max_seconds * RATE_HZ)
        self._samples = 0
        self._head = b""
        self._stream: ContainerStream | None = None

    def push(self, data: bytes) -> Int16Mono:
        """Feed the next bytes and return the decoded samples, int16 mono at 16 kHz, shape (n,).

        Raises:
            InvalidAudio: an unknown or damaged container, NaN samples, or too long; also if 1 MiB held no audio.
            UnsupportedFormat: an unsupported codec, rate or channel count.
        """
        if self._stream is None:
            self._head += data
            demuxer = demuxer_of(self._head)
            if demuxer is None and len(self._head) < 12:
                return _NOTHING
            data, self._head = self._head, b""
            self._stream = _stream(demuxer)
        audio = self._stream.push(data)
        self._samples += len(audio)
        if self._samples > self._max_samples:
            raise InvalidAudio(f"The stream is longer than {self._max_samples // RATE_HZ} s; begin a new one.")
        return audio

    def finish(self) -> Int16Mono:
        """End the stream and return the remaining samples, shape (n,)."""
        return self._stream.finish() if self._stream else _NOTHING

    def check_end(self) -> None:
        """Check that the stream was complete; call it after `finish`.

        Raises:
            InvalidAudio: it was truncated or damaged, or held no audio.
        """
        if self._stream is None:
            raise InvalidAudio("The stream ended before its header; send a whole Ogg, WebM or WAV stream.")
        self._stream.check_end()

    def close(self) -> None:
        """End the decoder's thread. Idempotent."""
        if self._stream is not None:
            self._stream.close()


def demuxer_of(head: bytes) -> str | None:
    """Return FFmpeg's name of the container that begins with these bytes (12 suffice), or None."""
    match head:
        case _ if head[:4] == b"OggS":
            return "ogg"
        case _ if head[:4] == b"\x1a\x45\xdf\xa3":
            return "matroska"
        case _ if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
            return "wav"
        case _ if head[:4] == b"fLaC":
            return "flac"
        case _ if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
            return "mp3"
    return None


def _demuxer_of_file(head: bytes) -> str | None:
    """Return FFmpeg's name of a container that can be read as a whole file only, or None."""
    if head[4:8] == b"ftyp":
        return "mov"
    return "aac" if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 else None


def decode_file(data: bytes, *, max_seconds: float) -> Float32Mono16k:
    """Decode a whole recording: WAV, FLAC, Ogg, WebM, MP3, MP4 (M4A) or AAC.

    Args:
        data: the file's bytes; never a path or a URL.
        max_seconds: limit of the duration, enforced while decoding, so that a small file cannot fill the memory.

    Returns:
        Mono samples at 16 kHz in [-1, 1], shape (n,), n >= 1.

    Raises:
        InvalidAudio: empty, unknown, damaged, truncated, too long, or with NaN samples.
        UnsupportedFormat: an unsupported codec, rate or channel count.
    """
    if not data:
        raise EmptyRecording("The recording is empty; send one with sound in it.")
    demuxer = demuxer_of(data[:12]) or _demuxer_of_file(data[:12])
    if demuxer is None:
        raise InvalidAudio("This is no recording that can be read; send WAV, FLAC, Ogg, WebM, MP3, MP4 or AAC.")
    left = int(max_seconds * RATE_HZ)
    blocks: list[Int16Mono] = []
    source = io.BytesIO(data) if demuxer == "mov" else _Bytes(data)  # an MP4's index may be at its end
    for block in _wav_blocks(data) if demuxer == "wav" else _blocks(source, demuxer):
        left -= len(block)
        if left < 0:
            raise InvalidAudio(f"The recording is longer than {max_seconds:g} s; send a shorter one.")
        blocks.append(block)
    audio = np.concatenate([_NOTHING, *blocks])
    framing = _framing(demuxer)
    framing.feed(data)
    if not framing.whole or len(audio) < _declared_samples(data, demuxer) - RATE_HZ // 10:
        raise InvalidAudio("The recording is cut off; send the whole file.")
    if not len(audio):
        raise EmptyRecording("The recording holds no sound; send one with sound in it.")
    return float32_of(audio)


class _Source(Protocol):
    """A source for PyAV that cannot seek, so that streams and files are decoded in the same way."""

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; none at the end."""


def _blocks(source: _Source, demuxer: str) -> Iterator[Int16Mono]:
    """Yield blocks of 16 kHz mono. Raises InvalidAudio, UnsupportedFormat."""
    options = {"probesize": "32", "analyzeduration": "0", **({"enable_drefs": "0"} if demuxer == "mov" else {})}
    try:
        with av.open(source, "r", format=demuxer, options=options, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise InvalidAudio("The stream holds no audio track; send one that does.")
            track = container.streams.audio[0]
            codec: AudioCodecContext | None = track.codec_context  # None where FFmpeg knows no decoder for the track
            if codec is None or codec.name not in _CODECS:
                raise UnsupportedFormat(f"The codec {codec.name if codec else 'named'} is not read; send Opus.")
            codec.thread_count = 1
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
            for frame in container.decode(track):
                if not LOWEST_HZ <= frame.sample_rate <= HIGHEST_HZ or frame.layout.nb_channels > _MOST_CHANNELS:
                    raise UnsupportedFormat(
                        f"The track has {frame.layout.nb_channels} channels at {frame.sample_rate} Hz; send mono 48000."
                    )
                frame.pts = None  # a gap in the timestamps is lost audio; do not fill it with silence
                for out in resampler.resample(frame):
                    yield out.to_ndarray()[0]
            for out in resampler.resample(None):
                yield out.to_ndarray()[0]
    except (av.error.FFmpegError, ValueError) as error:
        raise InvalidAudio("The sound is damaged or cut off; send a whole Ogg, WebM, WAV, FLAC or MP3.") from error


def _wav_blocks(data: bytes) -> Iterator[Int16Mono]:
    stream = WavStream()
    for start in range(0, len(data), 1 << 20):
        yield stream.push(data[start : start + (1 << 20)])
    yield stream.finish()
    stream.check_end()


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        self._at += len(part)
        return part


class _Pipe:
    """Hands bytes from the pushing thread to the decoding thread; each waits for the other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._bytes = b""
        self._at = 0
        self._ended = False
        self._starved = False

    def read(self, size: int) -> bytes:
        """Wait for bytes in the decoding thread and return them; none at the end."""
        with self._changed:
            while self._at == len(self._bytes) and not self._ended:
                self._starved = True
                self._changed.notify_all()
                self._changed.wait()
            part = self._bytes[self._at : self._at + size]
            self._at += len(part)
            return part

    def write(self, data: bytes) -> None:
        """Write bytes in the pushing thread; return once the decoder has consumed them all, or has ended."""
        with self._changed:
            self._bytes, self._at, self._starved = data, 0, False
            self._changed.notify_all()
            while not (self._starved or self._ended):
                self._changed.wait()

    def end(self) -> None:
        """Close the pipe from either side."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class _FFmpegStream:
    """Decodes a container with FFmpeg in a thread, because FFmpeg's demuxers pull while a call pushes."""

    def __init__(self, demuxer: str) -> None:
        self._framing = _framing(demuxer)
        self._pipe = _Pipe()
        self._done: list[Int16Mono] = []
        self._errors: list[BaseException] = []
        self._silent_bytes = 0
        self._heard = False
        arguments = (self._pipe, demuxer, self._done, self._errors)
        self._thread = threading.Thread(target=_decode, args=arguments, name=f"decode-{demuxer}", daemon=True)
        self._thread.start()
        self._end = weakref.finalize(self, self._pipe.end)

    def push(self, data: bytes) -> Int16Mono:
        if not data:
            return _NOTHING
        self._framing.feed(data)
        self._pipe.write(data)
        audio = self._take()
        if not len(audio):
            self._raise_error()
        self._silent_bytes = 0 if len(audio) else self._silent_bytes + len(data)
        if self._silent_bytes > _MOST_SILENT_BYTES:
            self.close()
            raise InvalidAudio("A mebibyte of the stream brought no sound; send one Ogg or WebM stream of speech.")
        return audio

    def finish(self) -> Int16Mono:
        self.close()
        return self._take()

    def check_end(self) -> None:
        if not self._framing.whole:
            raise InvalidAudio("The stream ends in the middle of a page or block; send it to its end.")
        self._raise_error()
        if not self._heard:
            raise InvalidAudio("The stream holds no sound; send one with sound in it.")

    def close(self) -> None:
        self._end()
        self._thread.join()

    def _take(self) -> Int16Mono:
        audio = np.concatenate([_NOTHING, *self._done])
        self._done.clear()
        self._heard = self._heard or len(audio) > 0
        return audio

    def _raise_error(self) -> None:
        if self._errors:
            raise self._errors[0]


def _decode(pipe: _Pipe, demuxer: str, done: list[Int16Mono], errors: list[BaseException]) -> None:
    """Decode until the pipe ends. The thread holds no reference to its owner, so that garbage collection can end it."""
    try:
        for block in _blocks(pipe, demuxer):
            done.append(block)
            if sum(map(len, done)) > _MOST_SECONDS_A_PUSH * RATE_HZ:
                raise InvalidAudio(f"One message holds over {_MOST_SECONDS_A_PUSH} s of sound; send smaller ones.")
    except BaseException as error:  # noqa: BLE001 (carried to the pushing thread, which raises it)
        errors.append(error)
    finally:
        pipe.end()


def _stream(demuxer: str | None) -> ContainerStream:
    if demuxer == "wav":
        return WavStream()
    if demuxer in ("ogg", "matroska"):
        return _FFmpegStream(demuxer)
    raise InvalidAudio("This is no container that can be streamed; begin with the header of Ogg, WebM or WAV.")


class _Unframed:
    """A no-op framing for formats whose end is checked elsewhere, or cannot be."""

    whole = True

    def feed(self, data: bytes) -> None:
        pass


_FRAMINGS: dict[str, Callable[[], Framing]] = {"ogg": OggFraming, "matroska": EbmlFraming}


def _framing(demuxer: str) -> Framing:
    return _FRAMINGS.get(demuxer, _Unframed)()


def _declared_samples(data: bytes, demuxer: str) -> int:
    """Return the 16 kHz samples that a FLAC's STREAMINFO declares, or 0. Source: RFC 9639 section 8.2."""
    if demuxer != "flac" or len(data) < 26:
        return 0
    fields = int.from_bytes(data[18:26], "big")
    rate_hz, samples = fields >> 44, fields & (1 << 36) - 1
    return samples * RATE_HZ // rate_hz if rate_hz else 0
