"""Listens for the line that does not come by HTTP: AudioSocket, where its address is set."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from api.doors.telephone.asterisk import AsteriskCalls
from api.doors.telephone.audiosocket import audiosocket
from api.doors.telephone.desk import Desk
from api.settings import Settings
from api.settings.phone_lines import endpoint
from models.errors import Invalid

TO_BE_TOLD = 10
"""Calls beyond `phone_calls` that are picked up, to hear that all lines are busy."""


@dataclass(slots=True)
class PhoneListeners:
    """What listens.

    Attributes:
        asterisk: the calls that a dialplan has announced.
        audiosocket: its address; None where it is not set.
    """

    asterisk: AsteriskCalls
    audiosocket: tuple[str, int] | None = None


@asynccontextmanager
async def listening(settings: Settings, desk: Desk) -> AsyncIterator[PhoneListeners]:
    """Listen for the length of the block; then every call of them ends.

    Raises:
        Invalid: an address cannot be used; the sentence names its setting.
    """
    listeners = PhoneListeners(AsteriskCalls(desk, only_announced=settings.phone_asterisk_register))
    most = settings.phone_calls + TO_BE_TOLD
    async with AsyncExitStack() as stack:
        if settings.phone_audiosocket:
            opened = audiosocket(endpoint(settings.phone_audiosocket), desk, listeners.asterisk, most)
            try:
                listeners.audiosocket = await stack.enter_async_context(opened)
            except OSError as error:
                raise Invalid(f"GLOW_PHONE_AUDIOSOCKET cannot be listened on: {error.strerror}.") from None
        yield listeners
