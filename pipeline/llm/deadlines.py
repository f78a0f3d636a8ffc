"""Timeouts of a language model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The timeouts of a reply, in seconds of the event loop's clock.

    Attributes:
        connect_s: until the connection is accepted.
        first_token_s: from the request to the first token.
        gap_s: between tokens.
        total_s: total time of waiting for the server; the consumer's time does not count.
    """

    connect_s: float = 3.0
    first_token_s: float = 8.0
    gap_s: float = 5.0
    total_s: float = 30.0
