"""What a speech server's answer is: by its Content-Type first, then by its bytes. Only sound becomes samples."""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from itertools import chain

import numpy as np

from voice.audio.containers import ContainerDecoder, decode_file, demuxer_of
from voice.audio.formats import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, Int16Mono, int16_of, mono_of
from voice.audio.formats import RATE_HZ as DECODED_HZ
from voice.errors import EngineFailed, InvalidAudio, UnsupportedFormat

LONGEST_SECONDS = 300
SHORTEST_MS = 20
"""Less sound than this is none: an empty answer, or a single byte."""

_HEAD = 4096
_PCM_TYPES = {"audio/pcm", "audio/x-pcm", "audio/raw", "audio/l16", "audio/x-raw", "audio/s16le", "audio/wave-pcm"}
_STREAMED = ("wav", "ogg", "matroska")
_CHUNKS_A_SECOND = 10
_PRINTED = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")
_SMOOTHER = 4.0


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """How raw samples are written.

    Attributes:
        order: "<" or ">", the byte order; "" where nobody said.
    """

    rate_hz: int
    channels: int = 1
    order: str = "<"


def audio_of(content_type: str, stream: Iterable[bytes], rate_hz: int) -> Iterator[tuple[Int16Mono, int]]:
    """Read an answer as sound, in chunks of about 100 ms and their rate; lazy.

    Args:
        content_type: the answer's, with parameters; may be empty or wrong.
        stream: its body.
        rate_hz: the rate of raw samples that say none.

    Raises:
        EngineFailed: it is no sound, no sound that can be decoded, less than 20 ms, or more than five minutes.
    """
    header = Message()
    header["Content-Type"] = content_type or "application/octet-stream"
    kind = header.get_content_type()
    pcm = _pcm_format(kind, header, rate_hz)
    limit = _bounded(stream)
    head = b""
    for data in limit:
        head += data
        if len(head) >= _HEAD:
            break
    container = _container_of(head, said_pcm=kind in _PCM_TYPES)
    if container is not None:
        blocks: Iterator[tuple[Int16Mono, int]] = _decoded(container, head, limit)
    elif kind.startswith("text/") or "json" in kind or "xml" in kind or _is_text(head):
        raise EngineFailed("The speech server answered with text in place of sound; look into its log.")
    elif (known := _undecoded(head)) or (kind.startswith(("audio/", "video/")) and kind not in _PCM_TYPES):
        raise EngineFailed(
            f"The speech server sent {known or kind[:40]}, which is not read here; configure it to send PCM or WAV."
        )
    else:
        blocks = _samples(pcm, head, limit)
    yield from _enough(blocks)


def _enough(blocks: Iterator[tuple[Int16Mono, int]]) -> Iterator[tuple[Int16Mono, int]]:
    """Pass the blocks on once they hold sound worth the name."""
    held: list[tuple[Int16Mono, int]] = []
    length_ms = 0.0
    for audio, rate_hz in blocks:
        if length_ms >= SHORTEST_MS:
            yield audio, rate_hz
            continue
        held.append((audio, rate_hz))
        length_ms += len(audio) * 1000 / rate_hz
        if length_ms >= SHORTEST_MS:
            yield from held
    if length_ms < SHORTEST_MS:
        raise EngineFailed("The speech server sent no sound for the words; try again or use another engine.")


def _bounded(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Pass the body on up to five minutes of raw samples at the highest rate."""
    received = 0
    for data in stream:
        received += len(data)
        if received > LONGEST_SECONDS * HIGHEST_RATE_HZ * 2:
            raise _too_long()
        yield data


def _too_long() -> EngineFailed:
    return EngineFailed("The speech server sent more than five minutes for one clause; check the server.")


def _pcm_format(kind: str, header: Message, rate_hz: int) -> PcmFormat:
    """Return the format of raw samples by the parameters of the content type.

    Raises:
        EngineFailed: they are not of 16 bit at a usual rate.
    """
    if kind not in _PCM_TYPES:
        return PcmFormat(rate_hz)
    named = {name.lower(): str(value).lower() for name, value in header.get_params([])}

    def number(names: tuple[str, ...], usual: int) -> int:
        text = next((named[name] for name in names if name in named), "")
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else usual

    rate = number(("rate", "sample_rate", "samplerate", "sample-rate"), rate_hz)
    channels = number(("channels", "channel"), 1)
    bits = number(("bits", "bitdepth", "bit_depth", "bits-per-sample"), 16)
    floating = "float" in named.get("encoding", "") or "f32" in named.get("format", "")
    if bits != 16 or channels not in (1, 2) or not LOWEST_RATE_HZ <= rate <= HIGHEST_RATE_HZ or floating:
        raise EngineFailed("The speech server's PCM is not of 16 bit at 8000 to 48000 Hz; configure it to send that.")
    order = next((named[name] for name in ("endian", "endianness", "byteorder", "byte-order") if name in named), "")
    if order:
        return PcmFormat(rate, channels, ">" if order.startswith("big") or order == "be" else "<")
    # RFC 2586 has audio/L16 big-endian, and many servers do not: there the samples decide.
    return PcmFormat(rate, channels, "" if kind == "audio/l16" else "<")


def _container_of(head: bytes, *, said_pcm: bool) -> str | None:
    """Return FFmpeg's name of a container that can be decoded; a frame of MP3 has to be followed by another."""
    container = demuxer_of(head[:12])
    if container == "mp3" and head[:3] != b"ID3":
        length = _mp3_frame(head)
        followed = length > 0 and (len(head) < length + 2 or demuxer_of(head[length : length + 12]) == "mp3")
        if not followed or (said_pcm and len(head) < length + 2):
            return None
    return container


def _mp3_frame(head: bytes) -> int:
    """Return the length of the frame of MPEG audio, layer III, that begins here; 0 without one.

    Source: ISO/IEC 11172-3, section 2.4.1.3, and 13818-3.
    """
    if len(head) < 4 or head[2] >> 4 in (0, 15) or head[2] >> 2 & 3 == 3:
        return 0
    version, kilobits, place = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    first = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    later = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    rate_hz = (44_100, 48_000, 32_000)[place] // {3: 1, 2: 2, 0: 4}.get(version, 1)
    bits = (first if version == 3 else later)[kilobits - 1] * 1000
    return (144 if version == 3 else 72) * bits // rate_hz + (head[2] >> 1 & 1)


def _undecoded(head: bytes) -> str:
    """Return the name of a format that is known by its bytes and not decoded; empty for none."""
    if head[4:8] == b"ftyp":
        return "MP4"
    if len(head) > 6 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if length > 7 and head[length : length + 1] in (b"\xff", b"") and head[2] >> 2 & 15 < 13:
            return "AAC"
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return "AIFF"
    return {b"caff": "CAF", b".snd": "AU", b"\x1f\x8b\x08\x00": "gzip"}.get(head[:4], "")


def _is_text(head: bytes) -> bool:
    """Return whether the bytes are printed characters: JSON, HTML, events, a sentence. Sound has others."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if len(start) < 2 or _PRINTED.fullmatch(start) is None:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return True


def _samples(pcm: PcmFormat, head: bytes, stream: Iterator[bytes]) -> Iterator[tuple[Int16Mono, int]]:
    order = pcm.order or _order_of(head)
    width = 2 * pcm.channels
    step = width * (pcm.rate_hz // _CHUNKS_A_SECOND)
    sent, waiting = 0, head
    for data in chain([b""], stream):
        waiting += data
        whole = len(waiting) // width * width
        for start in range(0, whole, step):
            block = np.frombuffer(waiting[start : min(start + step, whole)], f"{order}i2").astype(np.int16)
            sent += len(block) // pcm.channels
            if sent > LONGEST_SECONDS * pcm.rate_hz:
                raise _too_long()
            yield mono_of(block, pcm.channels), pcm.rate_hz
        waiting = waiting[whole:]


def _order_of(head: bytes) -> str:
    """Return the byte order in which the samples are the smoother wave; big-endian, as declared, where that is open."""
    pairs = head[: len(head) // 2 * 2]
    little, big = (float(np.abs(np.diff(np.frombuffer(pairs, f"{order}i2").astype(float))).sum()) for order in "<>")
    return "<" if little * _SMOOTHER < big else ">"


def _decoded(container: str, head: bytes, stream: Iterator[bytes]) -> Iterator[tuple[Int16Mono, int]]:
    try:
        if container in _STREAMED:
            yield from _streamed(head, stream)
        else:
            audio = int16_of(decode_file(head + b"".join(stream), max_seconds=LONGEST_SECONDS))
            step = DECODED_HZ // _CHUNKS_A_SECOND
            for start in range(0, len(audio), step):
                yield audio[start : start + step], DECODED_HZ
    except (InvalidAudio, UnsupportedFormat):
        raise EngineFailed(
            f"The speech server's {container} is damaged, cut off or too long; try again or use another engine."
        ) from None


def _streamed(head: bytes, stream: Iterator[bytes]) -> Iterator[tuple[Int16Mono, int]]:
    decoder = ContainerDecoder(max_seconds=LONGEST_SECONDS)
    try:
        for data in chain([b""], stream):
            if len(audio := decoder.push(head + data)):
                yield audio, DECODED_HZ
            head = b""
        if len(audio := decoder.finish()):
            yield audio, DECODED_HZ
        decoder.check_end()
    finally:
        decoder.close()
