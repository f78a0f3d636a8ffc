"""`glow bench interruptions`: callers barge in at random instants; the history must match what each has heard."""

import asyncio
import json
import os
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.text import Text

from api.bench.interrupter import Interruption, calling
from api.bench.turn import busy_note, spread
from api.client.http import RemoteService
from api.client.own_service import embedded, own_service
from api.client.recordings import learner_recording
from api.settings import Settings

BARGE_INS = (("records-office", 7), ("repair-desk", 1), ("repair-desk", 8), ("clinic", 2), ("turns", 7), ("turns", 13))
"""The recordings that barge in; the fixed recogniser transcribes all of them with the same words."""

REPLIES = (
    "I moved in on the 3rd of May, 1998, and I have paid 1,250 dollars every month since; Dr. Smith's office on "
    "Market Street has all of the receipts, if you would like to see them, and so does my sister in Ohio.",
    "Well, it began with a noise. A small one, at first: tick, tick, tick. Then the light went off, the screen went "
    "dark, and nothing I did, and I tried everything that I could think of, would ever bring it back to life again.",
    "My brother-in-law says it's a well-known problem (he reads a lot about computers), and that you've replaced at "
    "least 3.5 percent of them already. Is that so? And why was I not told, when I asked you twice last week?",
    "Please listen. There are two things I want. The first is my money, all of it. The second is an apology, in "
    "writing, signed by somebody who can be held to it, and sent to the address that you've had since January.",
    "He was never ill as a child, not once; he ran, he swam, he climbed every tree in the garden. So when the school "
    "rang at 10:45 and said that he couldn't stand, I thought there must have been some terrible mistake.",
    "Between nine and five I work, between five and eight I cook, and between eight and ten I try to understand this "
    "form. Question seven asks for a number that nobody gave me. Where, if I may ask, am I supposed to find it?",
)
"""Long replies in which words are hard to count: numbers, dates, hyphens, brackets, short clauses."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result of the benchmark.

    Attributes:
        found: all interruptions.
        played_out: number of replies that ended before they could be interrupted, and were stored completely.
        wrong: descriptions of other errors.
    """

    found: Sequence[Interruption]
    played_out: int
    wrong: Sequence[str]

    @property
    def all_right(self) -> bool:
        """Whether every history was right."""
        return not self.wrong and all(each.right for each in self.found)


def bench_interruptions(console: Console, *, count: int, calls: int, seed: int, tts: str, as_json: bool) -> bool:
    """Run the benchmark and print the results; return whether every history was right.

    Raises:
        ClientError: the service does not start, or does not answer as docs/voice-websocket.md says.
    """
    note = busy_note(os.getloadavg()[0], os.cpu_count() or 1)
    with console.status("Interrupting, in real time..."):
        report = interrupted(count, calls=calls, seed=seed, tts=tts)
    if as_json:
        each = [asdict(each) | {"right": each.right, "words_off": each.words_off} for each in report.found]
        console.print_json(json.dumps({"all_right": report.all_right, "wrong": list(report.wrong), "each": each}))
    else:
        for line in (*_sentences(report), note):
            console.print(Text(line))
    return report.all_right


def interrupted(count: int, *, calls: int, seed: int, tts: str = "espeak") -> Report:
    """Interrupt `count` replies in total with `calls` concurrent callers, each at instants of its own.

    Raises:
        ClientError: the service does not start, or does not answer as docs/voice-websocket.md says.
    """
    recordings = [learner_recording(scene, number).samples for scene, number in BARGE_INS]
    with tempfile.TemporaryDirectory(prefix="glow-interruptions-") as name:
        pack = Path(name) / "talkative.yaml"
        pack.write_text(talkative_pack(), encoding="utf-8")
        settings = embedded(stt="fixed", tts=tts) | {"GLOW_PACKS": str(pack), "GLOW_MAX_CALLS": str(calls + 1)}
        with own_service(settings, Settings().models_dir) as service, RemoteService(service.url, service.token) as http:

            async def call(number: int) -> Report:
                _, chat_id = await asyncio.to_thread(http.start_named, "The talkative one")

                async def history() -> list[tuple[str, str, str]]:
                    stored = await asyncio.to_thread(http.messages, chat_id)
                    return [(each.message_id, "persona" if each.is_persona else "user", each.text) for each in stored]

                times = count // calls + (number < count % calls)
                where = (service.url, service.token, chat_id, history, recordings, seed * 1000 + number)
                async with calling(*where) as caller:
                    await caller.interrupt(times)
                return Report(caller.found, caller.played_out, caller.wrong)

            async def run() -> list[Report]:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(call(number)) for number in range(calls)]
                return [task.result() for task in tasks]

            try:
                reports = asyncio.run(run())
            except ExceptionGroup as group:
                # Unwrap the exception group of the task group: the caller wants the one reason.
                raise group.exceptions[0] from None
    return Report(
        [each for report in reports for each in report.found],
        sum(report.played_out for report in reports),
        [wrong for report in reports for wrong in report.wrong],
    )


def _sentences(report: Report) -> list[str]:
    found = report.found
    if not found:
        return list(report.wrong)
    right = sum(each.right for each in found)
    exact = sum(each.is_prefix and not each.words_off for each in found)
    ways = ", ".join(f"{number} by {how}" for how, number in Counter(each.how for each in found).items())
    places_s = [each.began_ms / 1000 for each in found]
    place = spread([abs(each.reported_ms - each.cut_ms) for each in found])
    delay_ms = statistics.median(each.delay_ms for each in found)
    return [
        f"{len(found)} replies interrupted at random instants ({ways}), from {min(places_s):.1f} to "
        f"{max(places_s):.1f} s into the reply; {report.played_out} more were over before.",
        f"The history was right in {right}: a prefix of the reply, within one word of what the caller's player played.",
        f"In {exact} no word was missing that was heard to its end, and none was there that had not begun.",
        f"How far playback was, the service knew to {place.median:.0f} ms (median; 95th percentile {place.p95:.0f} "
        f"ms); there and back the line took {delay_ms:.0f} ms.",
        *(_mistake(each) for each in found if not each.right),
        *report.wrong,
    ]


def _mistake(each: Interruption) -> str:
    return (
        f"Wrong, by {each.how}: stored {each.stored!r}, {each.words_off} words off; played {each.cut_ms:.0f} ms, told "
        f"{each.reported_ms:.0f} ms, {each.fewest} to {each.most} words of {each.reply!r}."
    )


def talkative_pack() -> str:
    """Return a content pack with a persona whose every reply is long."""
    about = {"name": "The talkative one", "description": "Always has a lot to say."}
    cue = {"id": "anything", "when": [r"\w+"], "say": [REPLIES[index % len(REPLIES)] for index in range(60)]}
    scenario = {**about, "problem_statement": "None.", "objectives": ["None."], "personas": ["talker"]}
    pack = {
        "pack": "interruptions",
        "name": "Interruptions",
        "personas": {"talker": {**about, "greeting": "Hello.", "instructions": "Talk.", "cues": [cue]}},
        "scenarios": {"talk": scenario},
        "simulations": {"talk": {**about, "scenarios": ["talk"]}},
        "practices": {"talk": {"name": about["name"], "simulation": "talk"}},
    }
    return yaml.safe_dump(pack, sort_keys=False)
