"""How long a language model may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait for a reply, in seconds of the event loop's clock.

    Attributes:
        connect_s: until the server accepts the connection.
        first_token_s: from the question to the first words.
        gap_s: between words.
        total_s: all waiting of one reply together; the time the listener takes does not count.
    """

    connect_s: float = 3.0
    first_token_s: float = 8.0
    gap_s: float = 5.0
    total_s: float = 30.0
