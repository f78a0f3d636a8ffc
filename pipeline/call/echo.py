"""The echo that a client reports of its own loudspeaker, and whether it is so loud that only words interrupt."""

import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)

LOUD_DB, QUIET_DB = -30.0, -36.0
"""An echo is loud from the first level on, and until it falls below the second."""


@dataclass(frozen=True, slots=True)
class EchoReport:
    """What a client has measured of the persona's voice in its microphone, behind its own echo canceller.

    Attributes:
        delay_ms: from the loudspeaker's signal to the microphone's; None if no echo was heard.
        residual_db: the level of the echo relative to what was played; without an echo, what it is below.
    """

    delay_ms: int | None
    residual_db: float


class EchoWatch:
    """What is known of the echo of one call.

    Args:
        conversation_id: names the call in the log.

    Attributes:
        report: the latest one; None before the first.
        loud: noise over a reply does not interrupt it, as it may be the reply itself; words do.
    """

    def __init__(self, conversation_id: str) -> None:
        self._conversation_id = conversation_id
        self.report: EchoReport | None = None
        self.loud = False

    def note(self, report: EchoReport) -> None:
        """Take a report."""
        first, was_loud = self.report is None, self.loud
        self.report = report
        if report.delay_ms is None:
            self.loud = False
        else:
            self.loud = report.residual_db >= (QUIET_DB if was_loud else LOUD_DB)
        if first or self.loud != was_loud:
            log.info(
                "Call %s: %s; %s interrupt the persona.",
                self._conversation_id,
                "no echo is heard"
                if report.delay_ms is None
                else f"an echo of {report.residual_db:.0f} dB comes after {report.delay_ms} ms",
                "only words" if self.loud else "words and lasting speech",
            )
