"""A synthesizer on any server with OpenAI's /v1/audio/speech, which is asked for PCM."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from voice.errors import Cancelled, EngineBusy, EngineFailed, EngineUnavailable, VoiceError, with_elsewhere
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.tts.speech_answer import audio_of
from voice.work.server_health import answers

if TYPE_CHECKING:
    from openai import OpenAI

RATE_HZ = 24_000
MAX_CHARACTERS = 2000
CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0

_CHUNK_BYTES = RATE_HZ // 10 * 2


class OpenAISynthesizer:
    """A `Synthesizer` on an OpenAI-compatible server: without word timings, ignoring pitch.

    `VoiceStyle.names["openai"]` is the server's name for a voice.
    """

    name = "openai"

    def __init__(
        self,
        *,
        model: str,
        voice: str,
        base_url: str | None = None,
        api_key: str | None = None,
        client: "OpenAI | None" = None,
        connect_s: float = CONNECT_SECONDS,
        read_s: float = READ_SECONDS,
    ) -> None:
        """Configure the synthesizer; nothing is sent yet.

        Args:
            model: the server's name for its speech model.
            voice: the voice for personas that name none.
            base_url: such as "https://host/v1"; the `openai` client's default without it.
            api_key: sent to that server only; the `openai` client's default without it, else none.
            client: a configured client instead of the last two.
            connect_s, read_s: timeouts in seconds, of a connection and of the next audio.
        """
        import os

        import openai

        self._model = model
        self._voice = voice
        self._client = client or openai.OpenAI(
            base_url=base_url,
            # Local servers need no key, but the client library requires one.
            api_key=api_key or os.environ.get("OPENAI_API_KEY") or "none",
            timeout=openai.Timeout(read_s, connect=connect_s),
            max_retries=0,
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )

    def is_well(self) -> bool:
        """Return whether the server answers at all, to a request for its models. Blocking, for 2 s at most."""
        return answers(str(self._client.base_url), self._client.api_key)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """Synthesize one clause: int16 chunks of about 100 ms, shape (n,), as they arrive.

        They have the rate that the server declares, or 24 kHz; what comes in a container is decoded to 16 kHz.

        Args:
            text: at most 2000 characters; the rest is dropped.
            style: voice and rate.
            cancelled: polled between chunks; the request is closed once it turns True.

        Raises:
            Cancelled: `cancelled()` turned True.
            EngineUnavailable: the server is unreachable, or rejects the key, the model or the voice.
            EngineBusy: the server is rate limiting.
            EngineFailed: the server failed, hung, or sent no sound, or none that can be decoded.

        Source: OpenAI API reference, "Create speech"; response_format "pcm" is 24 kHz, 16 bit, little endian, mono.
        """
        if cancelled():
            raise Cancelled("The clause is no longer wanted; ask again to hear it.")
        try:
            with self._client.audio.speech.with_streaming_response.create(
                input=text[:MAX_CHARACTERS],
                model=self._model,
                voice=style.names.get("openai") or self._voice,
                response_format="pcm",
                speed=min(2.0, max(0.5, style.rate)),
            ) as response:
                body = _until_cancelled(response.iter_bytes(_CHUNK_BYTES), cancelled)
                for audio, rate_hz in audio_of(response.headers.get("content-type", ""), body, RATE_HZ):
                    yield SpeechChunk(audio, rate_hz)
        except VoiceError:
            raise
        except Exception as error:  # noqa: BLE001 - in mid-stream the client lets errors of its HTTP library through
            # The server's message may contain the key or the text: keep it out of ours and of the exception chain.
            raise _typed(error) from None


def _until_cancelled(stream: Iterator[bytes], cancelled: Callable[[], bool]) -> Iterator[bytes]:
    for data in stream:
        if cancelled():
            raise Cancelled("The clause is no longer wanted; ask again to hear it.")
        yield data


def _typed(error: Exception) -> VoiceError:
    import openai

    match error:
        case openai.APITimeoutError():
            return with_elsewhere(EngineFailed("The speech server did not answer in time; check that it is healthy."))
        case openai.APIConnectionError():
            return with_elsewhere(
                EngineUnavailable("The speech server cannot be reached; check its address and that it runs.")
            )
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return EngineUnavailable("The speech server refused the key; check the key in the settings.")
        case openai.RateLimitError():
            return with_elsewhere(EngineBusy("The speech server has too much to do; try again in a moment."))
        case openai.APIStatusError(status_code=status) if status < 400:
            return EngineUnavailable(
                f"The speech server redirects to another address (status {status}), which is not followed; "
                "set the right base URL."
            )
        case openai.APIStatusError(status_code=status) if status < 500:
            return EngineUnavailable(
                f"The speech server refused the request with status {status}; check the model and the voice."
            )
        case openai.APIStatusError(status_code=status):
            return with_elsewhere(
                EngineFailed(f"The speech server broke with status {status}; try again or use another engine.")
            )
        case _:
            return with_elsewhere(
                EngineFailed("The speech server's answer broke off; try again or use another engine.")
            )
