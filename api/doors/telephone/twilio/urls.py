"""Our URLs as Twilio knows them: below `GLOW_PHONE_URL`, as a proxy may change what we see of them."""

from dataclasses import dataclass
from urllib.parse import quote

from api.doors.telephone.twilio import twiml

PATH = "/phone/twilio"


@dataclass(frozen=True, slots=True)
class Urls:
    """The webhooks and the websocket.

    Attributes:
        base: of the service, without a slash at its end.
    """

    base: str

    @property
    def socket(self) -> str:
        """The websocket's URL."""
        return "ws" + self.base.removeprefix("http") + PATH

    @property
    def after(self) -> str:
        """What Twilio asks once a stream is over."""
        return self._of("after")

    @property
    def status(self) -> str:
        """What Twilio notifies of a call's and a stream's changes."""
        return self._of("status")

    @property
    def recording(self) -> str:
        """What Twilio notifies of a recording."""
        return self._of("recording")

    def outgoing(self, call_id: str) -> str:
        """Return what Twilio asks when a call that we make is answered."""
        return f"{self._of('outgoing')}?call={quote(call_id)}"

    def machine(self, call_id: str) -> str:
        """Return what Twilio notifies of an answering machine."""
        return f"{self._of('machine')}?call={quote(call_id)}"

    def dial(self, number: str) -> str:
        """Return the TwiML that rings a human."""
        return twiml.dial(number, ended=self._of("transferred"), answered=self._of("answered"))

    def stream(self, ticket: str) -> str:
        """Return the TwiML that connects a call to the websocket."""
        return twiml.stream(self.socket, {"ticket": ticket}, after=self.after, status=self.status)

    def _of(self, name: str) -> str:
        return f"{self.base}{PATH}/{name}"
