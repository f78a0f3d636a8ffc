"""How long whoever stops the service has to wait for it."""

from api.settings import Settings

LAST_S = 5
"""Seconds that the server takes at most after the calls have ended (`timeout_graceful_shutdown`)."""

SPARE_S = 10


def patience(drain_s: float | None = None) -> float:
    """Seconds that a process takes at most to stop, and some to spare."""
    default = float(Settings.model_fields["drain_s"].default)
    return (default if drain_s is None else drain_s) + LAST_S + SPARE_S
