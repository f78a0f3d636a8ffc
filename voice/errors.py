"""Typed errors of the sound floor. Each message is a sentence that says what to do."""

from typing import TypeVar

ErrorKind = TypeVar("ErrorKind", bound="VoiceError")


class VoiceError(Exception):
    """Base of every error that voice/ raises on purpose.

    Attributes:
        code: stable identifier that a client may switch on.
        http_status: status of the response to a request that fails with it; 500 hides the message from the client.
        elsewhere: whether another server of the same engine may well do what this one failed at.
    """

    code = "voice_error"
    http_status = 500
    elsewhere = False


class InvalidAudio(VoiceError):
    """The audio is invalid: NaN or infinite samples, empty, truncated or oversized."""

    code = "invalid_audio"
    http_status = 400


class EmptyRecording(InvalidAudio):
    """A recording holds no sample."""


class UnsupportedFormat(VoiceError):
    """The service does not support this encoding, sample rate or channel count."""

    code = "unsupported_format"
    http_status = 400


class CannotTranslate(VoiceError):
    """The engine writes what is said in its own language alone."""

    code = "unsupported_model"
    http_status = 400


class EngineUnavailable(VoiceError):
    """The engine's files or its server are missing; the message names the command that gets them."""

    code = "engine_unavailable"
    http_status = 503


class EngineFailed(VoiceError):
    """The engine failed on a request."""

    code = "engine_failed"
    http_status = 502


class EngineBusy(VoiceError):
    """The engine's bounded queue is full; retry later."""

    code = "engine_busy"
    http_status = 429


class Cancelled(VoiceError):
    """The job was cancelled: the caller no longer wants its result."""

    code = "cancelled"


def with_elsewhere(error: ErrorKind) -> ErrorKind:
    """Mark an error as one of this server alone: it is away, slow, busy or broken, and another one may do."""
    error.elsewhere = True
    return error
