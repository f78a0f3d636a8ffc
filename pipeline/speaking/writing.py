"""A reply as text alone: its text is published as it is written, and then counts as heard."""

from collections.abc import Callable

from pipeline.speaking.preparation import Preparation


class Writing:
    """Replaces a `Playout` if nothing is spoken.

    Args:
        preparation: the source of the text.

    Attributes:
        begun: its first words were published.
        held: the client was notified to discard the rest.
        message_id: of the persona's message.
    """

    heard_ms = 0
    spoken = ""

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation
        self.begun = False
        self.held = False
        self.message_id = ""

    @property
    def heard(self) -> str:
        """The text that the learner has got."""
        return self.preparation.text[: self.preparation.published]

    def played(self, milliseconds: int) -> None:
        """Ignore it: nothing is played."""

    def duck(self) -> None:
        """Do nothing: there is no audio."""

    def go_on(self) -> None:
        """Release a held reply."""
        self.held = False

    def rewind(self) -> None:
        """Hold the reply: the learner speaks."""
        self.held = True

    def lost_connection(self) -> None:
        """Do nothing: published events are kept in the backlog."""

    async def heard_out(self) -> None:
        """Return at once: the text counts as heard when it is published."""

    async def run(self, started: Callable[[], None]) -> None:
        """Return when it is written; `started` is called with its first words."""
        async for _ in self.preparation.growth():
            if self.preparation.text.strip():
                self.begun = True
                started()
                break
        while await self.preparation.next() is not None:
            pass
