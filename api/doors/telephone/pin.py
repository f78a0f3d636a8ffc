"""PINs: how a caller proves to be a user, as a caller id proves nothing."""

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import Callable

from api.doors.telephone.announcer import Announcer
from api.doors.telephone.sentences import RECORDED_HZ, RecordedSentence, recorded
from models.errors import Invalid
from models.records.core import User
from models.store import Store

SHORTEST, LONGEST, MADE = 6, 12, 8
"""Digits of a PIN: at least, at most, and of one that we make."""

TRIES = 3
WRONG_PER_HOUR = 30
"""Wrong PINs an hour, of all calls together; then all are refused for a while."""

KEY_S = 8.0
"""How long the next key is waited for."""

_SALT = b"glow-voice telephone pin"


def pin_hash(pin: str) -> str:
    """Return what is stored of a PIN. It is slow to compute; the salt is one for all, as a PIN alone names its user.

    Raises:
        Invalid: it is none.
    """
    if not (pin.isascii() and pin.isdigit() and SHORTEST <= len(pin) <= LONGEST):
        raise Invalid(f"A PIN has {SHORTEST} to {LONGEST} digits.")
    return hashlib.scrypt(pin.encode(), salt=_SALT, n=2**14, r=8, p=1).hex()


def new_pin() -> str:
    """Return a random PIN."""
    return "".join(secrets.choice("0123456789") for _ in range(MADE))


class PinGate:
    """Lets callers in by PIN; after too many wrong ones it refuses all for a while.

    Args:
        store: has the PINs.
        now: the time, in seconds.
    """

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._wrong: deque[float] = deque(maxlen=WRONG_PER_HOUR)

    async def ask(self, announcer: Announcer) -> User | None:
        """Ask for a PIN, a few times; return the user who has it, or None."""
        sentence = RecordedSentence.PIN
        for _ in range(TRIES):
            await announcer.say(recorded(sentence), RECORDED_HZ)
            if (user := await self._user(await _entry(announcer))) is not None:
                return user
            sentence = RecordedSentence.WRONG_PIN
        return None

    async def _user(self, pin: str) -> User | None:
        now = self._now()
        if len(self._wrong) == WRONG_PER_HOUR and now - self._wrong[0] < 3600:
            return None
        try:
            user = await self._store.user_of_pin(await asyncio.to_thread(pin_hash, pin))
        except Invalid:
            return None  # too short to be guessed right
        if user is None:
            self._wrong.append(now)
        return user


async def _entry(announcer: Announcer) -> str:
    digits = ""
    while (key := await announcer.key(KEY_S)) is not None and key != "#" and len(digits) < LONGEST:
        digits = "" if key == "*" else digits + key
    return digits
