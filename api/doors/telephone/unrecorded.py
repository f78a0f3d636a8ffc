"""Whether a caller asks not to be recorded."""

import re

LONGEST = 10
"""Words of such a wish; in longer speech these words are about something else."""

_ASKS = re.compile(
    r"\b(?:stop|end|quit|pause|without|no|don't|do not|not to|switch off|turn off|not want to) (?:be |being )?"
    r"(?:the |this |your |my |any )?(?:record(?:ing|ed)?)\b|\b(?:switch|turn) (?:the |this |your )?recording off\b"
)


def asks_to_stop_recording(text: str) -> bool:
    """Return whether this asks that the call is recorded no more, as "stop recording, please" does."""
    words = re.findall(r"[a-z']+", text.lower().replace("\u2019", "'"))
    return len(words) <= LONGEST and _ASKS.search(" ".join(words)) is not None
