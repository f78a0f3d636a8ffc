"""The operator's page over HTTP: calls going on and past, their timeline, their recording word by word, and packs."""

import asyncio
import io
import wave
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.service import WAIT_S, RunningService, http, running

PACK = """\
pack: desk
name: Front <b>desk</b>
personas:
  kim:
    name: Kim
    greeting: Hi.
    instructions: Be Kim.
"""
PICTURE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(
        tmp_path_factory.mktemp("studio"), record_calls=True, record_announcement="", stt="fixed:0"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def operator(recorded: RunningService) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(recorded, scope='operator')}"}


def token(service: RunningService, **made: Any) -> str:
    async def created() -> str:
        return (await service.inside.store.create_token("olga", **made))[0]

    return asyncio.run_coroutine_threadsafe(created(), service.loop).result(WAIT_S)


def ask(service: RunningService, path: str, headers: dict[str, str], status: int = 200) -> Any:
    answer = http.get(f"{service.url}{path}", headers=headers)
    assert answer.status_code == status, answer.text
    return answer


def test_a_call_is_seen_while_it_goes_on_and_listened_to_afterwards(
    recorded: RunningService, operator: dict[str, str]
) -> None:
    chat = recorded.chat()

    async def story() -> tuple[dict[str, Any], dict[str, Any]]:
        async with recorded.call(chat, hurries=True) as client:
            await client.say("slt/turns/13")
            await client.until("reply.ended")
            going_on = await asyncio.to_thread(ask, recorded, "/studio/calls", operator)
            call_id = going_on.json()["going_on"][0]["call_id"]
            half = await asyncio.to_thread(ask, recorded, f"/studio/calls/{call_id}", operator)
            await client.hang_up()
        return going_on.json(), half.json()

    going_on, half = asyncio.run(story())
    [card] = going_on["going_on"]
    assert (card["user"], card["persona"], card["reason"]) == ("ada", "Dana Whitfield", "")
    assert (card["practice"], card["chat"]) == ("The worried parent", "The records office")
    assert half["recording_ms"] is None, "it is joined when the call is over"
    assert [line["who"] for line in half["lines"]] == ["learner", "persona"]

    async def kept() -> None:
        await recorded.until(lambda service: service.files.path(f"words-{chat}").exists())

    asyncio.run(kept())
    [past] = [one for one in ask(recorded, "/studio/calls", operator).json()["past"] if one["chat_id"] == chat]
    assert (past["turns"], past["reason"], past["recorded"]) == (1, "caller", True)
    [latency] = past["latencies_ms"]
    whole = ask(recorded, f"/studio/calls/{past['call_id']}", operator).json()
    assert whole["latencies"][0]["voice_to_voice_ms"] == latency
    assert whole["timeline"][-1].split()[1:3] == ["service", "chat_silence"]
    said, answered = whole["lines"]
    for line in (said, answered):
        assert " ".join(word["text"] for word in line["words"]).split() == line["text"].split()
        starts = [word["start_ms"] for word in line["words"]]
        assert starts == sorted(starts)
        assert starts[-1] < whole["recording_ms"]
    first_ms, persona_ms = said["words"][0]["start_ms"], answered["words"][0]["start_ms"]
    assert loud(recorded, past["call_id"], operator, first_ms, side=0)
    assert loud(recorded, past["call_id"], operator, persona_ms, side=1)
    assert loud(recorded, past["call_id"], operator, answered["words"][-1]["start_ms"], side=1)
    again = second_call(recorded, operator, chat)
    assert min(word["start_ms"] for line in again["lines"] for word in line["words"]) >= whole["recording_ms"]
    far = ask(recorded, f"/studio/calls/{past['call_id']}/recording?from_ms=86400000", operator, 404)
    assert "The recording is over by then" in far.json()["detail"]

    drawing = ask(recorded, f"/studio/calls/{past['call_id']}/timeline.svg", operator)
    assert drawing.headers["content-type"] == "image/svg+xml"
    texts = [element.text for element in ElementTree.fromstring(drawing.text).iter(f"{PICTURE}text")]
    assert {"Dana Whitfield", "turn", "preparation", "audio out", "heard"} <= set(texts)
    assert "learner" not in texts


def second_call(service: RunningService, headers: dict[str, str], chat: str) -> dict[str, Any]:
    """What is kept of another call on the same chat, whose recording follows the first one's."""
    words = service.inside.files.path(f"words-{chat}")
    before = words.stat().st_size

    async def story() -> None:
        async with service.call(chat, hurries=True) as client:
            await client.say("slt/turns/13")
            await client.until("reply.ended")
            await client.hang_up()
        await service.until(lambda _: words.stat().st_size > before)

    asyncio.run(story())
    latest = ask(service, "/studio/calls", headers).json()["past"][0]
    found: dict[str, Any] = ask(service, f"/studio/calls/{latest['call_id']}", headers).json()
    return found


def loud(service: RunningService, call_id: str, headers: dict[str, str], from_ms: int, *, side: int) -> bool:
    """Whether there is a voice in the 800 ms from there."""
    part = ask(service, f"/studio/calls/{call_id}/recording?from_ms={from_ms}&length_ms=800", headers)
    with wave.open(io.BytesIO(part.content)) as sound:
        assert sound.getnframes() <= 12_800
        frames = np.frombuffer(sound.readframes(12_800), "<i2").reshape(-1, 2)
    return bool(np.abs(frames[:, side].astype(int)).max() > 1_000)


def test_what_is_removed_with_its_chat_is_seen_no_more(recorded: RunningService, operator: dict[str, str]) -> None:
    chat = recorded.chat()

    async def story() -> None:
        async with recorded.call(chat, hurries=True) as client:
            await client.send("chat_message", text="My secret is Marblethorpe.")
            await client.until("reply.ended")
            await client.hang_up()
        await recorded.until(lambda service: service.files.path(f"words-{chat}").exists())

    asyncio.run(story())
    [past] = [one for one in ask(recorded, "/studio/calls", operator).json()["past"] if one["chat_id"] == chat]
    assert "Marblethorpe" in ask(recorded, f"/studio/calls/{past['call_id']}", operator).text
    assert recorded.post("/attempt/chat_delete", {"chat_id": chat}).status_code == 200
    gone = ask(recorded, f"/studio/calls/{past['call_id']}", operator, 404)
    assert gone.json()["detail"].startswith("There is no such call")
    assert not recorded.inside.files.path(f"words-{chat}").exists()
    assert all(one["chat_id"] != chat for one in ask(recorded, "/studio/calls", operator).json()["past"])


def test_pages_of_past_calls_follow_each_other(recorded: RunningService, operator: dict[str, str]) -> None:
    async def story() -> None:
        for _ in range(3):
            async with recorded.call(recorded.chat()) as client:
                await client.hang_up()

    asyncio.run(story())
    asyncio.run(recorded.until(lambda service: not service.timelines.open_calls()))
    seen: list[str] = []
    query: dict[str, Any] | None = {"limit": 2}
    while query is not None:
        page = http.get(f"{recorded.url}/studio/calls", params=query, headers=operator).json()
        seen += [one["call_id"] for one in page["past"]]
        query = {"limit": 2, "before": page["before"]} if page["before"] else None
    assert len(seen) == len(set(seen)) >= 3
    assert ask(recorded, "/studio/calls?limit=0", operator, 422)


@pytest.mark.parametrize("path", ["calls", "calls/none", "calls/none/timeline.svg", "calls/none/recording", "packs"])
def test_it_is_for_operators_alone(recorded: RunningService, path: str) -> None:
    assert http.get(f"{recorded.url}/studio/{path}").status_code == 401
    refused = ask(recorded, f"/studio/{path}", recorded.headers("ada"), 403)
    assert "glow token create USER --scope operator" in refused.json()["detail"]


def test_packs_are_looked_over_as_on_the_command_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("pack")
    pack = folder / "pack.yaml"
    pack.write_text(PACK, "utf-8")
    with running(tmp_path_factory.mktemp("data"), packs=str(folder), stt="fixed:0") as service:
        headers = {"Authorization": f"Bearer {token(service, scope='operator')}"}
        packaged, own = ask(service, "/studio/packs", headers).json()["packs"]
        assert packaged["problems"] == []
        assert "Dana Whitfield" in packaged["parts"]["personas"]
        assert (own["slug"], own["problems"], own["path"]) == ("desk", [], str(folder))
        pack.write_text(PACK.replace("name: Kim", "nam: Kim"), "utf-8")
        problems = ask(service, "/studio/packs", headers).json()["packs"][1]["problems"]
        assert any("pack.yaml:5: unknown key 'nam'" in problem for problem in problems), problems
