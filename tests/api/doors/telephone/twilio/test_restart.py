"""A call outlives the service's restart: the carrier holds it, and comes back to the next process."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.client.carrier import ringing
from tests.api.doors.telephone.twilio.scene import PUBLIC, PhoneService, phone_service
from tests.servers.twilio import ACCOUNT, TOKEN, twilio_running
from tests.service import running

pytestmark = pytest.mark.slow


def test_a_call_goes_on_after_a_restart(tmp_path: Path) -> None:
    with twilio_running() as twilio:
        chosen: dict[str, Any] = {
            "phone_url": PUBLIC,
            "twilio_auth_token": TOKEN,
            "twilio_account_sid": ACCOUNT,
            "twilio_base_url": twilio.url,
            "stt": "fixed",
        }

        async def story() -> None:
            first, second = ExitStack(), ExitStack()
            phone = PhoneService(first.enter_context(running(tmp_path, **chosen)), twilio)
            phone.number(greeting="Hello there. " * 3)
            call = phone.call()
            async with ringing(call):
                assert await call.until(lambda: len(call.speaker.marks) > 3)
                drained = phone.service.inside.calls.drain(10)
                await asyncio.to_thread(phone.inside, drained)
                await asyncio.to_thread(first.close)
                again = await asyncio.to_thread(second.enter_context, running(tmp_path, **chosen))
                call.account.url = again.url
                phone = PhoneService(again, twilio)
                assert await call.until(lambda: call.streams == 2)
                call.hang_up()
            assert call.verbs[:5] == ["Connect", "Say", "Pause", "Redirect", "Connect"]
            record = await phone.ended(call.call_sid)
            assert record.reason == "caller"
            assert len(phone.said(call.call_sid)) == 1, "the same chat"
            await asyncio.to_thread(second.close)

        asyncio.run(story())


def test_two_hundred_calls_leave_no_descriptor_and_no_task(tmp_path: Path) -> None:
    with phone_service(tmp_path, stt="fixed") as phone:

        def held() -> tuple[int, int]:
            return len(list(Path("/proc/self/fd").iterdir())), phone.service.ask(lambda _: len(asyncio.all_tasks()))

        async def call() -> None:
            one = phone.call()
            async with ringing(one):
                assert await one.until(lambda: one.speaker.is_playing)
                one.hang_up()

        async def story(count: int) -> None:
            for _ in range(count // 5):
                await asyncio.gather(*(call() for _ in range(5)))
            await phone.until(lambda: len(phone.desk) == 0 and not len(phone.service.inside.calls))

        asyncio.run(story(20))
        before = held()
        asyncio.run(story(180))
        after = held()
        assert after[0] <= before[0] + 3
        assert after[1] <= before[1] + 1
