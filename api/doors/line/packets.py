"""A reply's blocks of samples as encoded packets that know their place in it."""

import numpy as np

from api.doors.line.dialect import Packet
from pipeline.conversation.events import ReplyAudio
from voice.audio.formats import AudioFormat
from voice.audio.outlet import AudioOutlet

_SILENCE_MS = 20


class Packets:
    """One connection's persona, encoded.

    Args:
        wire: what the caller hears.
        rate_hz: the call's output rate.
        longest_ms: the longest packet.
    """

    def __init__(self, wire: AudioFormat, rate_hz: int, longest_ms: int) -> None:
        """Prepare for a format.

        Raises:
            UnsupportedFormat: nobody here makes it.
        """
        self._rate_hz = rate_hz
        self._longest_ms = longest_ms
        self._turn, self._seq, self._end_ms, self._text = -1, 0, 0.0, ""
        self.take_format(wire)

    @property
    def format(self) -> AudioFormat:
        """What the caller hears."""
        return self._outlet.format

    def take_format(self, wire: AudioFormat) -> None:
        """From now on the caller hears another format.

        Raises:
            UnsupportedFormat: nobody here makes it.
        """
        self._outlet = AudioOutlet(wire, self._rate_hz, self._longest_ms)

    def of(self, block: ReplyAudio) -> list[Packet]:
        """Encode a block; give the packets that it completes."""
        if block.turn != self._turn:
            self._turn, self._seq, self._text = block.turn, 0, ""
        self._text += block.text
        encoded = self._outlet.packets(block.audio)
        if encoded:
            self._end_ms = float(block.at_ms)
        return [self._packet(data) for data in encoded]

    def rest(self, turn: int) -> list[Packet]:
        """The reply is over: give what is left of it."""
        self._turn = turn
        return [self._packet(data) for data in self._outlet.flush()]

    def clear(self) -> None:
        """The reply was cut: forget what was encoded of it and not given yet."""
        self._text = ""
        self.take_format(self.format)

    def silence(self) -> Packet:
        """20 ms in which nothing is said."""
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
