"""Calls over WebRTC, with aiortc as the browser: turns, interruptions, hanging up, and who may listen."""

import asyncio
import json

import pytest
from aiortc import RTCSessionDescription
from openai import OpenAI
from websockets.exceptions import InvalidStatus

from tests.api.doors.openai.client import realtime
from tests.api.doors.openai.webrtc.client import WebRtcClient, offered, webrtc
from tests.service import TOKENS, RunningService, http

pytestmark = pytest.mark.slow

TURN, OVER_IT = "rms/turns/13", "slt/records-office/07"
HEARD = "can you repeat that please"


async def all_over(service: RunningService) -> None:
    """Wait until nothing is left of any call."""
    await service.until(lambda inside: len(inside.calls) == 0)
    await service.until(lambda _: len(service.app.state.realtime_calls) == 0)


def chat_of(service: RunningService) -> str:
    """The chat of the only call."""
    (chat,) = service.ask(lambda inside: [call.session.conversation.chat_id for call in inside.calls.open_calls()])
    return str(chat)


def test_a_spoken_turn_is_told_as_over_the_websocket_and_heard_on_the_track(service: RunningService) -> None:
    async def story() -> None:
        async with webrtc(service, model="practice:The worried parent") as client:
            await client.until("session.created")
            client.say(TURN)
            done = await client.until("response.done")
            await client.until("output_audio_buffer.stopped", response_id=done["response"]["id"])
            (heard,) = client.of("conversation.item.input_audio_transcription.completed")
            assert heard["transcript"] == HEARD
            kinds = client.kinds()
            assert "response.output_audio.delta" not in kinds
            told = [
                "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "response.created",
                "response.content_part.added", "output_audio_buffer.started", "response.output_audio_transcript.done",
                "response.done", "output_audio_buffer.stopped",
            ]  # fmt: skip
            assert [kind for kind in kinds if kind in told] == told
            words = done["response"]["output"][0]["content"][0]["transcript"]
            assert words == "".join(event["delta"] for event in client.of("response.output_audio_transcript.delta"))
            assert 0.03 * len(words) < client.loud_s < 0.2 * len(words)
        await all_over(service)

    asyncio.run(story())


def test_speech_over_the_persona_cuts_it_off_and_the_history_holds_what_was_heard(service: RunningService) -> None:
    async def story() -> None:
        async with webrtc(service, model="practice:The annoyed customer") as client:
            await client.until("session.created")
            client.say(TURN)
            started = await client.until("output_audio_buffer.started")
            client.say(OVER_IT)
            await client.until("input_audio_buffer.speech_started")
            done = await client.until("response.done")
            assert done["response"]["id"] == started["response_id"]
            assert done["response"]["status_details"]["reason"] == "turn_detected"
            await client.until("output_audio_buffer.cleared", response_id=started["response_id"])
            cut = await client.until("conversation.item.truncated")
            (item,) = done["response"]["output"]
            assert cut["item_id"] == item["id"]
            assert cut["audio_end_ms"] > 0
            chat = chat_of(service)
            await client.until("response.created")
            lines = service.lines(chat)
            assert lines[0][1] == HEARD
            assert lines[1][1] == item["content"][0]["transcript"]
        await all_over(service)

    asyncio.run(story())


async def answering(client: WebRtcClient) -> str:
    """Ask for an answer in writing, and wait until it is heard; return the response's id."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Tell me about it."}]}
    await client.send("conversation.item.create", item=item)
    await client.send("response.create")
    return str((await client.until("output_audio_buffer.started"))["response_id"])


def test_a_client_clears_what_is_being_said(service: RunningService) -> None:
    async def story() -> None:
        async with webrtc(service) as client:
            await client.send("output_audio_buffer.clear")  # nothing is being said
            name = await answering(client)
            await client.send("output_audio_buffer.clear")
            done = await client.until("response.done")
            assert (done["response"]["id"], done["response"]["status"]) == (name, "cancelled")
            assert done["response"]["status_details"]["reason"] == "client_cancelled"
            await client.until("output_audio_buffer.cleared", response_id=name)

            name = await answering(client)  # as agents-realtime interrupts: both events
            await client.send("response.cancel")
            await client.send("output_audio_buffer.clear")
            await client.until("output_audio_buffer.cleared", response_id=name)
            await client.send("input_audio_buffer.append", audio="AAAA")
            await client.until_so(lambda: client.of("error"))
            assert client.of("error")[0]["error"]["code"] == "invalid_event"
        await all_over(service)

    asyncio.run(story())


def test_a_call_ends_by_its_address_or_with_its_page(service: RunningService) -> None:
    async def story() -> None:
        async with webrtc(service, session={"type": "realtime", "instructions": "Be brief."}) as client:
            told = await client.until("session.created")
            assert told["session"]["instructions"] == "Be brief."
            address = f"{service.url}{client.location}"
            assert http.post(f"{address}/hangup", headers=service.headers("bob")).status_code == 404
            wrong = http.post(f"{address}/accept", headers=service.headers(), json={})
            assert (wrong.status_code, "SIP" in wrong.text) == (400, True)
            sdk = OpenAI(api_key=TOKENS["ada"], base_url=f"{service.url}/v1")
            await asyncio.to_thread(sdk.realtime.calls.hangup, client.location.rpartition("/")[2])
            await client.until_so(lambda: client.pc.connectionState == "closed")
        await all_over(service)
        assert http.post(f"{address}/hangup", headers=service.headers()).status_code == 404
        async with webrtc(service) as client:
            await client.until("session.created")
        await all_over(service)

    asyncio.run(story())


def test_openais_sdk_sends_its_offer_with_the_session(service: RunningService) -> None:
    async def story() -> None:
        async with offered() as (client, sdp):
            sdk = OpenAI(api_key=TOKENS["ada"], base_url=f"{service.url}/v1")
            create = sdk.realtime.calls.create
            answer = await asyncio.to_thread(create, sdp=sdp, session={"type": "realtime", "instructions": "Be brief."})
            assert "m=audio" in answer.text
            assert answer.response.headers["location"].startswith("/v1/realtime/calls/rtc_")
            await client.pc.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
            assert (await client.until("session.created"))["session"]["instructions"] == "Be brief."
        await all_over(service)

    asyncio.run(story())


def test_a_secret_of_a_browser_opens_a_call_with_its_session_and_hangs_up_no_other(service: RunningService) -> None:
    made = service.post("/v1/realtime/client_secrets", {"session": {"type": "realtime", "instructions": "Be kind."}})
    secret = made.json()["value"]

    async def story() -> None:
        async with webrtc(service, key=secret) as client, webrtc(service) as other:
            assert (await client.until("session.created"))["session"]["instructions"] == "Be kind."
            await other.until("session.created")
            headers = {"Authorization": f"Bearer {secret}"}
            assert http.post(f"{service.url}{other.location}/hangup", headers=headers).status_code == 404
            assert http.post(f"{service.url}{client.location}/hangup", headers=headers).status_code == 200
            await client.until_so(lambda: client.pc.connectionState == "closed")
        await all_over(service)

    asyncio.run(story())


def test_another_connection_hears_the_events_of_a_call_and_sends_some(service: RunningService) -> None:
    async def story() -> None:
        async with webrtc(service) as client:
            await client.until("session.created")
            name = client.location.rpartition("/")[2]
            async with realtime(service, call_id=name) as beside:
                assert (await beside.until("session.created"))["session"]["id"]
                await beside.send("session.update", session={"type": "realtime", "instructions": "Be short."})
                for who in (client, beside):
                    told = await who.until("session.updated")
                    assert told["session"]["instructions"] == "Be short."
                await beside.type("Hello.")
                await beside.send("response.create")
                done = await client.until("response.done")
                assert (await beside.until("response.done"))["event_id"] == done["event_id"]
                assert beside.of("output_audio_buffer.started")
                await beside.raw("{no json")
                await beside.refused("invalid_event")
                http.post(f"{service.url}{client.location}/hangup", headers=service.headers())
                assert await beside.until_closed() == 1000
        await all_over(service)
        for user, wanted in (("ada", name), ("bob", name), ("ada", "rtc_none")):
            with pytest.raises(InvalidStatus) as refused:
                async with realtime(service, user, call_id=wanted):
                    pass
            assert refused.value.response.status_code == 404
            assert json.loads(refused.value.response.body)["error"]["code"] == "call_not_found"

    asyncio.run(story())
