"""The gateway's side of the engines on Ray: a child process has the driver, and no request waits for its start."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Lock, Thread

from voice.errors import Cancelled as CancelledError
from voice.errors import EngineUnavailable, VoiceError
from voice.ray_serve.deployments import APP
from voice.ray_serve.driver import CHUNK_S, NAME, REQUEST_S, RayEngines
from voice.stt.base import Transcriber
from voice.stt.call_language import CallLanguage
from voice.stt.process.link import Link
from voice.stt.process.process import ProcessTranscriber
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.work.cancellation import Cancelled

CHILD_S = 6.0
"""What the child may take beyond its own deadline; it is hung then."""


class RayTranscriber(ProcessTranscriber):
    """A `Transcriber` whose child process has the connection to Ray.

    A child that died, as Ray's driver does without its cluster, is replaced in the background: requests fail meanwhile
    instead of waiting for it.

    Args:
        address: of the cluster, such as "auto".
        app: name of the application there.
        request_s: deadline of a transcript, without the length of its audio.
    """

    def __init__(self, address: str = "auto", app: str = APP, request_s: float = REQUEST_S) -> None:
        make: Callable[[], Transcriber] = partial(RayEngines, address, app, request_s)
        super().__init__(make, name=NAME, niceness=0, request_s=2 * request_s + CHILD_S)
        self._restart = Lock()
        self._restarting: Thread | None = None

    def warm(self) -> None:
        """Start the child and connect it. Blocking.

        Raises:
            EngineUnavailable: Ray is not installed, or the cluster cannot be reached.
        """
        super().alive()

    def alive(self) -> Link:
        """Return the connection to a connected child, and start a new one in the background if there is none.

        Raises:
            EngineUnavailable: there is none at the moment.
        """
        link = self._link
        if link is not None and link.warmed and not link.dead:
            return link
        with self._restart:
            if self._restarting is None or not self._restarting.is_alive():
                self._restarting = Thread(target=self._reconnect, name="ray connection", daemon=True)
                self._restarting.start()
        raise EngineUnavailable("The connection to Ray is made anew; try again in a moment.")

    def _reconnect(self) -> None:
        with suppress(VoiceError):  # the next request starts the next attempt
            super().alive()


class RayPerCallTranscriber(RayTranscriber):
    """A `RayTranscriber` that detects the language per call and keeps it in the gateway."""

    def for_call(self, expected: str = "") -> Transcriber:
        """See `PerCallTranscriber.for_call`."""
        return CallLanguage(self, expected)


class RaySynthesizer:
    """A `Synthesizer` on Ray, by the child process of a `RayTranscriber`.

    Args:
        child: has the connection; it may be another engine's, too.
        owns: end the child with this.
    """

    def __init__(self, child: RayTranscriber, *, owns: bool = False) -> None:
        self.name = NAME
        self._child = child
        self._owns = owns

    def warm(self) -> None:
        """Start the child and connect it; see `RayTranscriber.warm`."""
        self._child.warm()

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Cancelled) -> Iterator[SpeechChunk]:
        """See `Synthesizer.synthesize`.

        Raises:
            Cancelled: `cancelled()` turned True; so is the replica's work.
            EngineBusy: too many requests wait on Ray.
            EngineFailed, EngineUnavailable: Ray failed, or is away.
        """
        link = self._child.alive()
        deadline_s = 2 * CHUNK_S + CHILD_S
        number = link.request("say", text, style, deadline_s=deadline_s)
        try:
            while True:
                if cancelled():
                    raise CancelledError("The clause is no longer wanted; ask again to hear it.")
                chunk = link.request("next_chunk", number, deadline_s=deadline_s, cancelled=cancelled)
                if chunk is None:
                    return
                yield chunk
        finally:
            link.notify("hush", number)

    def close(self) -> None:
        """End the child, if it is this one's. Idempotent."""
        if self._owns:
            self._child.close()
