"""Encodes a reply's blocks of samples as packets, each with its position in the reply."""

import numpy as np

from api.doors.line.dialect import Packet
from pipeline.conversation.events import ReplyAudio
from voice.audio.formats import AudioFormat
from voice.audio.outlet import AudioOutlet

_SILENCE_MS = 20


class Packets:
    """The encoder of one line's output.

    Args:
        wire: the output format.
        rate_hz: the call's output rate.
        longest_ms: the longest packet.
    """

    def __init__(self, wire: AudioFormat, rate_hz: int, longest_ms: int) -> None:
        """Prepare for a format.

        Raises:
            UnsupportedFormat: it cannot be encoded.
        """
        self._rate_hz = rate_hz
        self._longest_ms = longest_ms
        self._turn, self._seq, self._end_ms, self._text = -1, 0, 0.0, ""
        self.take_format(wire)

    @property
    def format(self) -> AudioFormat:
        """The output format."""
        return self._outlet.format

    def take_format(self, wire: AudioFormat) -> None:
        """Switch to another output format.

        Raises:
            UnsupportedFormat: it cannot be encoded.
        """
        self._outlet = AudioOutlet(wire, self._rate_hz, self._longest_ms)

    def of(self, block: ReplyAudio) -> list[Packet]:
        """Encode a block; return the packets that it completes."""
        if block.turn != self._turn:
            self._turn, self._seq, self._text = block.turn, 0, ""
        self._text += block.text
        encoded = self._outlet.packets(block.audio)
        if encoded:
            self._end_ms = float(block.at_ms)
        return [self._packet(data) for data in encoded]

    def rest(self, turn: int) -> list[Packet]:
        """Return what is left of a reply that has ended."""
        self._turn = turn
        return [self._packet(data) for data in self._outlet.flush()]

    def clear(self) -> None:
        """Discard what is buffered of a reply that was interrupted."""
        self._text = ""
        self.take_format(self.format)

    def silence(self) -> Packet:
        """Encode 20 ms of silence."""
        outlet = AudioOutlet(self.format, self.format.rate_hz, _SILENCE_MS)
        quiet = np.zeros(self.format.rate_hz * _SILENCE_MS // 1000, np.int16)
        data = (outlet.packets(quiet) + outlet.flush())[0]
        return Packet(data, None, 0, 0, _SILENCE_MS)

    def _packet(self, data: bytes) -> Packet:
        duration_ms, start_ms = self._outlet.duration_ms(data), self._end_ms
        self._seq += 1
        self._end_ms = start_ms + duration_ms
        text, self._text = self._text, ""
        return Packet(data, self._turn, self._seq, round(start_ms), round(duration_ms), text)
