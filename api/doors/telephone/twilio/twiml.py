"""TwiML: what Twilio is to do with a call, as XML."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

RING_S = 25
"""How long a human's telephone rings before the caller comes back."""


def stream(url: str, parameters: Mapping[str, str], *, after: str, status: str) -> str:
    """Connect the call to our websocket; then ask at `after` what comes next.

    Args:
        url: of the websocket; Twilio drops a query.
        parameters: sent in the stream's start; a name and its value have up to 500 characters.
        status: is notified of the stream's beginning and end.
    """
    response = Element("Response")
    connected = SubElement(SubElement(response, "Connect"), "Stream", url=url, statusCallback=status)
    for name, value in parameters.items():
        SubElement(connected, "Parameter", name=name, value=value)
    _redirect(response, after)
    return _written(response)


def say_and_hang_up(text: str) -> str:
    """Say a sentence in Twilio's own voice, and hang up."""
    response = Element("Response")
    SubElement(response, "Say").text = text
    SubElement(response, "Hangup")
    return _written(response)


def hang_up() -> str:
    """Hang up."""
    response = Element("Response")
    SubElement(response, "Hangup")
    return _written(response)


def reject(*, busy: bool = False) -> str:
    """Do not take the call, which costs nothing."""
    response = Element("Response")
    SubElement(response, "Reject", reason="busy" if busy else "rejected")
    return _written(response)


def come_back(text: str, after: str, wait_s: int) -> str:
    """Say a sentence, wait, and ask at `after` what comes next."""
    response = Element("Response")
    SubElement(response, "Say").text = text
    SubElement(response, "Pause", length=str(wait_s))
    _redirect(response, after)
    return _written(response)


def dial(number: str, *, ended: str, answered: str) -> str:
    """Ring a human; `answered` is notified when they answer, and `ended` asked what comes after."""
    response = Element("Response")
    dialled = SubElement(response, "Dial", action=ended, timeout=str(RING_S), answerOnBridge="true")
    SubElement(dialled, "Number", statusCallback=answered, statusCallbackEvent="answered").text = number
    return _written(response)


def _redirect(response: Element, url: str) -> None:
    SubElement(response, "Redirect", method="POST").text = url


def _written(response: Element) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>' + tostring(response, encoding="unicode")
