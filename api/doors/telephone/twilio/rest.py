"""Twilio's REST interface, or that of a carrier that has the same."""

import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from api.doors.telephone.webhooks import CarrierUnreachable
from api.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0

CALL_IS_OVER = 20404
"""Twilio's code for a call that is over already, beside the status 404."""


class TwilioRest:
    """Calls, by request to Twilio. Use as an async context manager.

    Args:
        base_url: such as https://api.twilio.com.
        account: the account's SID.
        login, password: the SID and the auth token, or an API key and its secret.
    """

    def __init__(self, base_url: str, account: str, login: str, password: str) -> None:
        self._account = f"/2010-04-01/Accounts/{account}"
        self._http = httpx.AsyncClient(base_url=base_url, auth=(login, password), timeout=TIMEOUT_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def hang_up(self, call_sid: str) -> None:
        """End a call; one that is over already is no error.

        Raises:
            CarrierUnreachable: the carrier refused, or does not answer.
        """
        await self._post(f"/Calls/{call_sid}.json", [("Status", "completed")], over_is_fine=True)

    async def update(self, call_sid: str, twiml: str) -> None:
        """Have a call go on with other TwiML; its stream ends.

        Raises:
            CarrierUnreachable: as `hang_up`; or the call is over.
        """
        await self._post(f"/Calls/{call_sid}.json", [("Twiml", twiml)])

    async def record(self, call_sid: str, callback: str) -> None:
        """Record a call from now on, in stereo.

        Raises:
            CarrierUnreachable: as `update`.
        """
        fields = [("RecordingChannels", "dual"), ("RecordingStatusCallback", callback)]
        await self._post(f"/Calls/{call_sid}/Recordings.json", fields)

    async def stop_recording(self, call_sid: str) -> None:
        """Stop the recording of a call; one that is over is no error.

        Raises:
            CarrierUnreachable: as `hang_up`.
        """
        current = f"/Calls/{call_sid}/Recordings/Twilio.CURRENT.json"
        await self._post(current, [("Status", "stopped")], over_is_fine=True)

    async def dial(self, called: str, caller: str, url: str, status: str, *, machine: str = "") -> str:
        """Call a number; return the call's SID.

        Args:
            url: asked what to do when it is answered.
            status: is notified of each change.
            machine: is notified of an answering machine; empty for no detection by the carrier.

        Raises:
            CarrierUnreachable: the carrier refused, or does not answer.
        """
        fields = [("To", called), ("From", caller), ("Url", url), ("StatusCallback", status), ("Timeout", "40")]
        fields += [("StatusCallbackEvent", event) for event in ("initiated", "ringing", "answered", "completed")]
        if machine:
            detection = {
                "MachineDetection": "DetectMessageEnd",
                "AsyncAmd": "true",
                "AsyncAmdStatusCallback": machine,
            }
            fields += detection.items()
        made = await self._post("/Calls.json", fields)
        sid = made.get("sid")
        if not isinstance(sid, str) or not sid:
            raise CarrierUnreachable("The carrier made the call and did not name it; look for it in its console.")
        return sid

    async def _post(
        self, path: str, fields: Iterable[tuple[str, str]], *, over_is_fine: bool = False
    ) -> dict[str, Any]:
        form = dict[str, list[str]]()
        for name, value in fields:
            form.setdefault(name, []).append(value)
        try:
            response = await self._http.post(self._account + path, data=form)
        except httpx.HTTPError as error:
            raise CarrierUnreachable(f"The carrier does not answer ({type(error).__name__}); try again.") from None
        try:
            body = response.json()
        except ValueError:
            body = {}
        body = body if isinstance(body, dict) else {}
        if response.is_success:
            return body
        if over_is_fine and response.status_code == httpx.codes.NOT_FOUND:
            return body
        # What the carrier says may hold numbers, but no secret.
        reason = str(body.get("message") or response.reason_phrase)[:200]
        raise CarrierUnreachable(f"The carrier refused with {response.status_code}: {reason}.")


def twilio_rest(settings: Settings) -> TwilioRest | None:
    """Return the REST interface of the account of the settings; None without one."""
    account, token, key = settings.twilio_account_sid, settings.twilio_auth_token, settings.twilio_api_key
    if not account or (token is None and key is None):
        return None
    login, password = account, _revealed(token)
    if key is not None:
        login, _, password = _revealed(key).partition(":")
    return TwilioRest(settings.twilio_base_url, account, login, password)


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
