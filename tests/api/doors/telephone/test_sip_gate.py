"""Who may call by SIP, and how many at once."""

import ipaddress
from collections.abc import Callable

import pytest
from aiosipua import AuthChallenge, SipDigestAuth, SipResponse, build_credentials, parse_auth, stringify_auth

from api.doors.telephone.sip_gate import INVITES_AT_ONCE, INVITES_PER_S, SipGate
from tests.api.doors.telephone.sip_messages import OFFER, PHONE, parsed, request

FAR = ("192.0.2.7", 5060)


class GateAt:
    """A gate, and its clock."""

    def __init__(
        self, users: dict[str, str] | None = None, *, full: bool = False, known: Callable[[str], bool] | None = None
    ) -> None:
        self.now = 100.0
        loopback = (ipaddress.ip_network("127.0.0.0/8"),)
        self.gate = SipGate(loopback, users or {}, lambda: self.now, lambda: full, known or (lambda _id: False))

    def status(self, data: bytes, address: tuple[str, int] = PHONE) -> int | None:
        """What a request is refused with."""
        refusal = self.gate.judge(parsed(data), address)
        return None if refusal is None else refusal.status_code

    def challenge(self) -> AuthChallenge:
        """What a stranger is asked for."""
        refusal = self.gate.judge(parsed(request()), FAR)
        assert isinstance(refusal, SipResponse)
        assert refusal.status_code == 401
        header = refusal.get_header("WWW-Authenticate")
        assert header is not None
        return parse_auth(header)


def credentials(challenge: AuthChallenge, user: str, password: str, count: int = 1) -> tuple[str, ...]:
    """An answer to a challenge."""
    made = build_credentials(
        SipDigestAuth(user, password), challenge, "INVITE", "sip:100@127.0.0.1", nonce_count=count, cnonce="abc"
    )
    assert made is not None
    return (f"Authorization: {stringify_auth(made)}",)


def test_an_allowed_address_needs_no_password_and_another_is_refused() -> None:
    gate = GateAt()
    assert gate.status(request(body=OFFER)) is None
    assert gate.status(request(body=OFFER), FAR) == 403


def test_a_user_comes_in_with_the_password_once_for_each_count() -> None:
    gate = GateAt({"alice": "secret"})
    challenge = gate.challenge()
    first = request(headers=credentials(challenge, "alice", "secret"))
    assert gate.status(first, FAR) is None
    assert gate.status(first, FAR) == 401, "replayed credentials are asked for again"
    assert gate.status(request(headers=credentials(challenge, "alice", "secret", 2)), FAR) is None


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("bob", "secret"), ("", "")])
def test_a_wrong_password_and_an_unknown_user_are_refused_alike(user: str, password: str) -> None:
    gate = GateAt({"alice": "secret"})
    assert gate.status(request(headers=credentials(gate.challenge(), user, password)), FAR) == 403


def test_an_old_or_invented_nonce_is_asked_for_again() -> None:
    gate = GateAt({"alice": "secret"})
    challenge = gate.challenge()
    invented = AuthChallenge(
        "Digest", {**challenge.params, "nonce": "100.000/00000000/0123456789abcdef0123456789abcdef"}
    )
    assert gate.status(request(headers=credentials(invented, "alice", "secret")), FAR) == 401
    gate.now += 61
    assert gate.status(request(headers=credentials(challenge, "alice", "secret")), FAR) == 401


@pytest.mark.parametrize("header", ["Digest", "Basic YTpi", "Digest nc=zz", 'Digest username="alice"', "\x01"])
def test_damaged_credentials_are_refused(header: str) -> None:
    assert GateAt({"alice": "secret"}).status(request(headers=(f"Authorization: {header}",)), FAR) in (400, 401, 403)


def test_a_flood_gets_503_and_passes() -> None:
    gate = GateAt()
    statuses = [gate.status(request(body=OFFER)) for _ in range(INVITES_AT_ONCE + 100)]
    assert statuses == [None] * INVITES_AT_ONCE + [503] * 100
    gate.now += 1
    assert [gate.status(request(body=OFFER)) for _ in range(100)].count(None) == int(INVITES_PER_S)


def test_no_more_calls_than_there_may_be() -> None:
    assert GateAt(full=True).status(request(body=OFFER)) == 503


def test_a_call_id_that_is_open_is_no_new_call() -> None:
    assert GateAt(known=lambda call_id: call_id == "call-1").status(request(body=OFFER)) == 482


@pytest.mark.parametrize(
    "change",
    [
        (b"tag=alice", b""),
        (b"Contact: <sip:alice@127.0.0.1:5070>\r\n", b""),
        (b"Call-ID: call-1", b"Call-ID: " + b"x" * 300),
        (b"m=audio 21000", b"m=audio twenty"),
        (b"v=0", b"v=zero"),
    ],
    ids=["no tag", "no contact", "long call id", "no port", "no version"],
)
def test_what_could_not_become_a_call_is_a_bad_request(change: tuple[bytes, bytes]) -> None:
    assert GateAt().status(request(body=OFFER).replace(*change)) == 400
