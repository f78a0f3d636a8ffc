"""What calls over WebRTC refuse, bound and free: bad offers, who never connects, ports, and a missing library."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCSessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from api.doors.line import LineRefused
from api.doors.openai.realtime.sideband import Listeners
from api.doors.openai.webrtc.peer import MediaPeer
from api.doors.openai.webrtc.ports import IceRules, answering
from tests.api.doors.openai.webrtc.client import offered, webrtc
from tests.service import RunningService, http, unhearing


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service with a few ports, which says that it is elsewhere, too."""
    chosen = {"webrtc_ports": "42000-42031", "webrtc_address": "203.0.113.7"}
    with unhearing(tmp_path_factory.mktemp("bounded"), **chosen) as started:
        yield started


@pytest.fixture(scope="module")
def offer() -> str:
    async def made() -> str:
        async with offered() as (_, sdp):
            return sdp

    return asyncio.run(made())


def posted(service: RunningService, sdp: str | bytes, kind: str = "application/sdp", user: str = "ada") -> Any:
    headers = {**service.headers(user), "Content-Type": kind}
    return http.post(f"{service.url}/v1/realtime/calls", content=sdp, headers=headers)


def open_calls(service: RunningService) -> int:
    return len(service.app.state.realtime_calls)


def hang_up(service: RunningService, answer: Any, user: str = "ada") -> None:
    http.post(f"{service.url}{answer.headers['location']}/hangup", headers=service.headers(user))


BAD = {
    "nothing": "",
    "no SDP": "hello",
    "an answer's worth of lines": "v=0\r\nm=audio x UDP/TLS/RTP/SAVPF\r\n",
    "no media": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
    "bytes": b"\xff\xfe\x00m=audio",
}


@pytest.mark.parametrize("sdp", BAD.values(), ids=BAD.keys())
def test_what_is_no_offer_is_refused(service: RunningService, sdp: str | bytes) -> None:
    answer = posted(service, sdp)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "sdp")
    assert open_calls(service) == 0


def test_an_offer_of_something_else_is_refused(service: RunningService, offer: str) -> None:
    for wrong in (
        offer.replace("m=audio", "m=video"),
        offer + offer[offer.index("m=audio") : offer.index("m=application")],
        offer.replace("opus/48000/2", "speex/16000"),
        offer.replace("a=fingerprint", "a=unknown"),
        offer + "".join(f"a=candidate:{n} 1 udp 1 192.0.2.1 {1000 + n} typ host\r\n" for n in range(100)),
    ):
        answer = posted(service, wrong)
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error"), answer.text
    assert posted(service, offer + "a=x\r\n" * 20_000).status_code == 413
    assert open_calls(service) == 0


@pytest.mark.slow
@settings(max_examples=25)
@given(st.data())
def test_an_offer_with_damage_is_answered_or_refused(service: RunningService, offer: str, data: st.DataObject) -> None:
    lines = offer.split("\r\n")
    place = data.draw(st.integers(0, len(lines) - 1))
    damage = data.draw(st.sampled_from(["", "a=", "m=audio", "a=candidate:", "a=fingerprint:sha-256", "a=rtpmap:x y"]))
    lines[place] = data.draw(st.sampled_from([damage, lines[place][: len(lines[place]) // 2], lines[place] * 2]))
    answer = posted(service, "\r\n".join(lines))
    assert answer.status_code in (201, 400), answer.text
    if answer.status_code == 201:
        hang_up(service, answer)
    asyncio.run(service.until(lambda _: open_calls(service) == 0))


def test_a_session_that_cannot_be_is_refused_before_anything_is_made(service: RunningService, offer: str) -> None:
    for session, param in (("{", "session"), ("[]", "session"), ('{"type": "magic"}', "session.type")):
        parts = {"sdp": (None, offer), "session": (None, session)}
        address = f"{service.url}/v1/realtime/calls"
        answer = http.post(address, files=parts, headers=service.headers())
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    answer = http.post(f"{address}?model=persona:none", content=offer, headers=service.headers())
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert http.post(address, content=offer).status_code == 401
    assert open_calls(service) == 0


def test_who_never_connects_is_bounded_and_forgotten(bounded: RunningService, offer: str) -> None:
    calls = bounded.app.state.realtime_calls
    answers = [posted(bounded, offer) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201] * 4 + [429]
    assert "connecting" in answers[4].json()["error"]["message"]
    other = posted(bounded, offer, user="bob")
    assert other.status_code == 201
    for answer in answers[:4]:
        hang_up(bounded, answer)
    hang_up(bounded, other, "bob")
    asyncio.run(bounded.until(lambda _: open_calls(bounded) == 0))
    calls.connect_s = 0.2
    try:
        assert posted(bounded, offer).status_code == 201
        asyncio.run(bounded.until(lambda _: open_calls(bounded) == 0))
    finally:
        calls.connect_s = 30.0


def test_ports_and_addresses_are_those_of_the_settings(bounded: RunningService, offer: str) -> None:
    answer = posted(bounded, offer)
    candidates = [line.split(" ") for line in answer.text.split("\r\n") if line.startswith("a=candidate:")]
    assert candidates
    assert all(42_000 <= int(candidate[5]) <= 42_031 for candidate in candidates)
    elsewhere = [candidate for candidate in candidates if candidate[4] == "203.0.113.7"]
    assert {candidate[5] for candidate in elsewhere} <= {
        candidate[5] for candidate in candidates if candidate not in elsewhere
    }
    assert elsewhere
    hang_up(bounded, answer)

    async def story() -> None:
        async with webrtc(bounded) as client:
            await client.until("session.created")
        await bounded.until(lambda _: open_calls(bounded) == 0)

    asyncio.run(story())


def test_a_service_without_free_ports_says_so(tmp_path: Path, offer: str) -> None:
    with unhearing(tmp_path, webrtc_ports="42040-42040") as service:
        first = posted(service, offer)
        second = posted(service, offer)
        assert (first.status_code, second.status_code) == (201, 503), second.text
        assert second.json()["error"]["code"] == "ports_taken"
        hang_up(service, first)
        asyncio.run(service.until(lambda _: open_calls(service) == 0))


def test_as_many_calls_as_the_operator_lets_in(tmp_path: Path, offer: str) -> None:
    with unhearing(tmp_path, webrtc_calls=1) as service:
        first, second = posted(service, offer), posted(service, offer, user="bob")
        assert (first.status_code, second.status_code) == (201, 429)
        assert second.headers["retry-after"]


def test_without_the_library_a_sentence_says_what_to_install(
    service: RunningService, offer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiortc", None)
    answer = posted(service, offer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "webrtc_unavailable")
    assert "glow-voice[webrtc]" in answer.json()["error"]["message"]


def test_the_addresses_of_an_offer_are_asked_only_where_others_servers_help(offer: str) -> None:
    named = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n"
    assert answering(IceRules(None, "", ()), offer + named).count("candidate") == 0
    helped = IceRules(None, "", ({"urls": "stun:stun.example.org"},))
    assert answering(helped, offer + named) == offer + named


def test_more_events_than_are_carried_out_end_the_connection() -> None:
    async def story() -> None:
        async with offered() as (client, sdp):
            peer = MediaPeer(IceRules(None, "", ()), Listeners())
            answer = await peer.answer(sdp)
            await client.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            await peer.connected()
            for number in range(300):
                await client.send("input_audio_buffer.clear", event_id=str(number))
            closed = asyncio.Event()
            client.channel.on("close", closed.set)
            client.channel.close()  # it is closed once all before it is through
            await closed.wait()
            with pytest.raises(LineRefused, match="faster"):
                await peer.receive()
            await peer.close()

    asyncio.run(story())
