"""One reply in writing alone: its text goes out as it is written, and counts as heard when it has gone."""

from collections.abc import Callable

from pipeline.speaking.preparation import Preparation


class Writing:
    """Takes the place of a `Playout` where nothing is spoken.

    Args:
        preparation: where the text comes from.

    Attributes:
        begun: its first words went out.
        held: the client has been told to drop the rest.
        message_id: the persona's message.
        told: how many characters of the text the listeners know.
    """

    heard_ms = 0
    spoken = ""

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation
        self.begun = False
        self.held = False
        self.message_id = ""
        self.published = 0

    @property
    def heard(self) -> str:
        """What the learner knows of it."""
        return self.preparation.text[: self.published]

    def played(self, milliseconds: int) -> None:
        """Nothing is played."""

    def duck(self) -> None:
        """Nothing sounds."""

    def go_on(self) -> None:
        """Nothing was interrupted."""
        self.held = False

    def rewind(self) -> None:
        """The learner speaks: it may be over."""
        self.held = True

    def lost_connection(self) -> None:
        """What is told is kept for whoever comes back."""

    async def heard_out(self) -> None:
        """It was read when it had gone."""

    async def run(self, started: Callable[[], None]) -> None:
        """Return when it is written; `started` is told with its first words."""
        async for _ in self.preparation.growth():
            if self.preparation.text.strip():
                self.begun = True
                started()
                break
        while await self.preparation.next() is not None:
            pass
