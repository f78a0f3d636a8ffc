"""The microphone and loudspeaker of this machine, through the optional package sounddevice."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from api.client.call import ClientError, Event
from api.client.handset import Int16

MICROPHONE_HZ, LOUDSPEAKER_HZ = 16000, 24000
_FRAME = MICROPHONE_HZ // 50


class SoundCard:
    """A duplex sound card; drops queued audio when a reply is cleared."""

    def __init__(self) -> None:
        try:
            import sounddevice
        except (ImportError, OSError) as error:
            raise ClientError(
                f"The microphone needs the package sounddevice and the PortAudio library ({error}); "
                "install glow-voice[mic], or talk with a file."
            ) from None
        self._device: Any = sounddevice
        self._queue = np.zeros(0, np.int16)
        self._lock = threading.Lock()

    def play(self, samples: Int16) -> None:
        """Queue a block for playback."""
        with self._lock:
            self._queue = np.concatenate([self._queue, samples])

    def follow(self, listener: Callable[[Event], None]) -> Callable[[Event], None]:
        """Wrap an event listener, so that queued audio is dropped on a barge-in."""

        def heard(event: Event) -> None:
            if event.type == "reply.cleared":
                with self._lock:
                    self._queue = self._queue[:0]
            listener(event)

        return heard

    @contextmanager
    def open(self, spoken: Callable[[Int16], None]) -> Iterator[None]:
        """Run both directions for the duration of the block; `spoken` gets every 20 ms frame, on the event loop."""
        loop = asyncio.get_running_loop()

        def record(block: Any, _frames: int, _time: Any, _status: Any) -> None:
            loop.call_soon_threadsafe(spoken, block[:, 0].copy())

        def emit(block: Any, frames: int, _time: Any, _status: Any) -> None:
            with self._lock:
                ready, self._queue = self._queue[:frames], self._queue[frames:]
            block[:, 0] = np.pad(ready, (0, frames - len(ready)))

        common = {"channels": 1, "dtype": "int16"}
        try:
            microphone = self._device.InputStream(samplerate=MICROPHONE_HZ, blocksize=_FRAME, callback=record, **common)
            loudspeaker = self._device.OutputStream(samplerate=LOUDSPEAKER_HZ, callback=emit, **common)
        except self._device.PortAudioError as error:
            raise ClientError(f"The sound card cannot be opened ({error}); choose another device.") from None
        with microphone, loudspeaker:
            yield
