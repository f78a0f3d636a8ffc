"""A recogniser on any server with OpenAI's `POST /v1/audio/transcriptions`."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voice.audio.formats import RATE_HZ, Float32Mono16k, wav_bytes
from voice.errors import Cancelled as CancelledError
from voice.errors import EngineBusy, EngineFailed, VoiceError, with_elsewhere
from voice.stt.base import Transcript
from voice.stt.samples import as_int16, checked
from voice.stt.spoken_words import spoken_words
from voice.work.cancellation import Cancelled, never_cancelled
from voice.work.server_health import answers

if TYPE_CHECKING:
    from openai import OpenAI


ANSWER_LIMIT = 8_000_000
"""Maximum bytes of an answer; the words have a lower limit, by their audio."""


class OpenAITranscriber:
    """A Transcriber on an OpenAI-compatible server: one request per utterance, no retries.

    Args:
        base_url: URL up to and including `/v1`.
        api_key: sent as a Bearer token; never part of an error message.
        model: the server's name for the model.
        language: BCP 47 tag, or None to let the server detect it.
        timeout_s: timeout of a request in seconds.

    Source: OpenAI API reference, "Create transcription".
    """

    def __init__(
        self,
        *,
        base_url: str = "https://api.openai.com/v1",
        api_key: str = "",
        model: str = "whisper-1",
        language: str | None = "en",
        timeout_s: float = 15.0,
    ) -> None:
        self.name = f"openai:{model}"
        self._base_url = base_url
        self._api_key = api_key
        self._model = model
        self._language = language
        self._timeout_s = timeout_s
        self._client: OpenAI | None = None
        self._making = Lock()

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`. `cancelled` is polled before, during and after the answer."""
        from openai import omit

        create = self._connected().audio.transcriptions.with_streaming_response.create
        return Transcript(
            self._asked(audio, cancelled, partial(create, language=self._language or omit), prompt),
            self._language or "en",
        )

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Translator.translate`: by the server's `POST /v1/audio/translations`."""
        create = self._connected().audio.translations.with_streaming_response.create
        return Transcript(self._asked(audio, cancelled, create, prompt), "en")

    def _asked(self, audio: Float32Mono16k, cancelled: Cancelled, create: Callable[..., Any], prompt: str) -> str:
        wav = wav_bytes(as_int16(checked(audio)), RATE_HZ)
        _stop_if(cancelled)
        from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError, RateLimitError, omit

        try:
            with create(
                file=("speech.wav", wav, "audio/wav"),
                model=self._model,
                prompt=prompt[:200] or omit,
                response_format="json",
                temperature=0.0,
            ) as response:
                body = _bounded(response.iter_bytes(), cancelled)
            answer = json.loads(body)
        except APITimeoutError as error:
            raise self._broken(
                f"did not answer within {self._timeout_s:g} s; try again or raise the timeout"
            ) from error
        except APIConnectionError as error:
            raise self._broken("cannot be reached; check its address and that it runs") from error
        except RateLimitError as error:
            raise with_elsewhere(
                EngineBusy(f"The transcription server {self._host} has too much to do; try again in a moment.")
            ) from error
        except APIStatusError as error:
            if error.status_code < 400:
                raise self._failed(
                    "redirects to another address, which is not followed; set the right base URL"
                ) from error
            remedy = "check the API key" if error.status_code in {401, 403} else "check the model and the server's log"
            failed = self._failed if error.status_code < 500 else self._broken
            raise failed(f"answered with status {error.status_code}; {remedy}") from error
        except (OpenAIError, ValueError, RecursionError) as error:
            raise self._broken("gave an answer that is none; check that it speaks OpenAI's API") from error
        except VoiceError:
            raise
        except Exception as error:  # while a body is read the client lets errors of its HTTP library through
            raise self._broken("broke off; try again, and look into its log") from error
        _stop_if(cancelled)
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise self._broken("gave an answer without a text; check that it speaks OpenAI's API")
        return spoken_words(text, len(audio))

    def is_well(self) -> bool:
        """Return whether the server answers at all, to a request for its models. Blocking, for 2 s at most."""
        return answers(self._base_url, self._api_key)

    def close(self) -> None:
        """Close the connections. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> "OpenAI":
        from openai import DefaultHttpxClient, OpenAI

        with self._making:
            if self._client is None:
                # The client library requires a key, even for a local server that needs none.
                self._client = OpenAI(
                    base_url=self._base_url,
                    api_key=self._api_key or "none",
                    timeout=self._timeout_s,
                    max_retries=0,
                    http_client=DefaultHttpxClient(follow_redirects=False),
                )
            return self._client

    @property
    def _host(self) -> str | None:
        return urlsplit(self._base_url).hostname

    def _failed(self, what: str) -> EngineFailed:
        return EngineFailed(f"The transcription server {self._host} {what}.")

    def _broken(self, what: str) -> EngineFailed:
        return with_elsewhere(self._failed(what))


def _bounded(stream: Iterable[bytes], cancelled: Cancelled) -> bytes:
    """Read a body up to its limit.

    Raises:
        ValueError: it is larger.
    """
    body = bytearray()
    for data in stream:
        _stop_if(cancelled)
        body += data
        if len(body) > ANSWER_LIMIT:
            raise ValueError("the answer is too large")
    return bytes(body)


def _stop_if(cancelled: Cancelled) -> None:
    if cancelled():
        raise CancelledError("The transcript is no longer wanted.")
