"""`glow bench peers`: compares this service with pipecat and livekit-agents on the same recordings, in one run."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.peers_glow import run_glow
from api.bench.peers_install import REAL_ENGINES, install
from api.bench.peers_plot import peers_plot
from api.bench.runners.scenarios import Script
from api.bench.turn import BACKGROUND_NOISE, Spread, busy_note, spread
from api.client.call import ClientError
from api.client.recordings import learner_recording
from voice.errors import VoiceError
from voice.test_models import PIPER_NANO, WHISPER_NANO

SYSTEMS = ("glow", "pipecat", "livekit")
COSTS_MS = {"zero": (0, 0, 0), "fixed": (150, 300, 100), "real": (0, 0, 0)}
"""Latency of transcript, first token and first audio in ms; "real" uses the test models of Whisper and Piper."""

ENDPOINT_MS = 500
SCENE, RECORDINGS, INTERRUPTION = "records-office", (1, 2, 3, 6), 7
REPLY = "Good morning. My printer does not print."
LONG_REPLY = (
    "Well, let me tell you about the printer. It stopped on Monday in the middle of a long letter to my sister. "
    "I have tried every button that there is on it. My neighbour says that it needs a new drum, "
    "and the shop says that it does not."
)
INSTANTS_S = (0.8, 2.0, 3.3, 4.7)
_ROUND_SHIFT_S = 0.37
RUNNERS = Path(__file__).parent / "runners"
SETTINGS = {
    "glow": "endpoint_ms = complete_ms = unfinished_ms = 500, the rest as shipped; a whole service, over its websocket",
    "pipecat": (
        "Silero VAD as shipped (stop_secs 0.2), then SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.3); "
        "SegmentedSTTService; word times given; interruption by VADUserTurnStartStrategy; no RTVI; "
        "an output that takes a 40 ms chunk when there is room, in process"
    ),
    "livekit": (
        'AgentSession with turn_detection="vad", endpointing min_delay 0.5, its own Silero (inference.VAD) as shipped, '
        'interruption mode "vad", preemptive_generation with preemptive_tts, aec_warmup_duration=None; a recogniser '
        "that is flushed at the end of speech; word times given; TranscriptSynchronizer as in a room; in process"
    ),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """The measurements: `turns` and interruptions in each of `rounds`, and each number of `sessions` for `seconds`.

    `interrupt_ms` sets both barge-in thresholds of this service; None keeps the defaults.
    """

    turns: int
    rounds: int
    sessions: Sequence[int]
    seconds: float
    engines: Sequence[str]
    systems: Sequence[str] = SYSTEMS
    interrupt_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """The answer latency of a system with one kind of engines, in ms above the endpoint delay."""

    system: str
    engines: str
    turns: int
    early: int
    above_endpoint_ms: Spread


@dataclass(frozen=True, slots=True)
class Interruptions:
    """The barge-in behaviour of a system.

    Attributes:
        last_audio_ms: from the start of the interrupting speech to the last audio of the reply.
        off_by_words: absolute difference in words between the history and what was heard.
        within_a_word: share of the interruptions after which the history is at most one word off.
        surplus_words: mean difference, history minus heard; negative if the history is too short.
    """

    system: str
    trials: int
    last_audio_ms: Spread
    off_by_words: Spread
    within_a_word: float
    surplus_words: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """The cost of a session among concurrent ones in one process."""

    system: str
    sessions: int
    talking: bool
    core_per_session: float
    mib_per_session: float | None
    process_mib: float
    answers: int
    expected: int
    above_endpoint_ms: Spread | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The results of a run, and the load of the machine."""

    note: str
    load_after: float
    versions: dict[str, str]
    failures: list[str]
    answers: list[Answers]
    interruptions: list[Interruptions]
    crowds: list[Crowd]


def bench_peers(
    console: Console, plan: Plan, *, data_dir: Path, as_json: bool, out: Path | None, svg: Path | None
) -> None:
    """Install missing peers, measure, and print the results.

    Args:
        plan: the measurements.
        data_dir: the peers are installed in `bench/<peer>` below it.
        as_json: print JSON instead of tables.
        out, svg: files for the JSON with all single measurements, and for the plot.

    Raises:
        ClientError: a peer cannot be installed, or nothing could be measured.
    """
    extra = REAL_ENGINES if "real" in plan.engines else ()
    pythons = {}
    for peer in (system for system in plan.systems if system != "glow"):
        with console.status(f"Installing {peer}, if it is not there..."):
            pythons[peer] = install(peer, data_dir, extra)
    cores = os.cpu_count() or 1
    note = busy_note(os.getloadavg()[0], cores)
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="glow-peers-") as name:
        jobs = list(_jobs(plan, Path(name)))
        for number, job in enumerate(jobs, start=1):
            with console.status(f"Measuring, in real time: {job['system']}, {number} of {len(jobs)}..."):
                runs.append({**_sampled(job), **_run(job, pythons)})
    found = compare(runs, note=note, load_after=os.getloadavg()[0])
    if not found.answers and not found.crowds:
        raise ClientError("Nothing could be measured:\n" + "\n".join(found.failures))
    settings = SETTINGS
    if plan.interrupt_ms is not None:
        settings = SETTINGS | {"glow": f"{SETTINGS['glow']}; {plan.interrupt_ms} ms of speech interrupt"}
    result = {"endpoint_ms": ENDPOINT_MS, "cores": cores, "settings": settings, **asdict(found)}
    if out is not None:
        out.write_text(json.dumps(result | {"runs": runs}, indent=1) + "\n", encoding="utf-8")
    if svg is not None:
        svg.write_text(peers_plot(result), encoding="utf-8")
    if as_json:
        console.print_json(json.dumps(result))
        return
    for part in report(found):
        console.print(part, soft_wrap=False) if isinstance(part, Table) else console.print(Text(part))


def compare(runs: Sequence[dict[str, Any]], *, note: str, load_after: float) -> Comparison:
    """Aggregate the runs by system.

    Args:
        runs: a job's `system`, `engines` and `plan`, with its outcome: an `error`, or a scenario's result.
        note: load of the machine before the run; load_after: load average after it.
    """
    systems = list(dict.fromkeys(run["system"] for run in runs))
    good = [run for run in runs if "error" not in run]
    answers, interruptions = [], []
    for system in systems:
        own = [run for run in good if run["system"] == system and run["plan"] == "conversation"]
        for engines in dict.fromkeys(run["engines"] for run in own):
            some = [run for run in own if run["engines"] == engines and run.get("voice_to_voice_ms")]
            above = [ms - ENDPOINT_MS for run in some for ms in run["voice_to_voice_ms"]]
            if above:
                early = sum(run["early"] for run in some)
                answers.append(Answers(system, engines, len(above), early, spread(above)))
        trials = [trial for run in own for trial in run.get("trials", [])]
        if trials:
            off = [trial["kept_words"] - trial["heard_words"] for trial in trials]
            interruptions.append(
                Interruptions(
                    system,
                    len(trials),
                    spread([trial["last_audio_ms"] for trial in trials]),
                    spread([abs(words) for words in off]),
                    sum(abs(words) <= 1 for words in off) / len(off),
                    sum(off) / len(off),
                )
            )
    crowds = [_crowd(run) for run in good if run["plan"] == "crowd"]
    return Comparison(
        note,
        load_after,
        {run["system"]: run["version"] for run in good if "version" in run},
        [
            f"{run['system']} ({run['plan']}, {run['engines']} engines): {run['error']}"
            for run in runs
            if "error" in run
        ],
        answers,
        interruptions,
        sorted(crowds, key=lambda crowd: (crowd.talking, crowd.sessions, systems.index(crowd.system))),
    )


def report(found: Comparison) -> Iterator[Table | str]:
    """Yield the tables and the sentences around them."""
    if found.answers:
        rows: list[Sequence[str]] = [
            (one.system, one.engines, str(one.turns), *_two(one.above_endpoint_ms), str(one.early))
            for one in sorted(found.answers, key=lambda one: list(COSTS_MS).index(one.engines))
        ]
        title = f"voice to voice, above the endpoint delay of {ENDPOINT_MS} ms"
        yield _table(title, ("system", "engines", "turns", "median ms", "p95 ms", "answered early"), rows)
    if found.interruptions:
        rows = [
            (
                one.system,
                str(one.trials),
                *_two(one.last_audio_ms),
                *_two(one.off_by_words),
                f"{one.within_a_word:.0%}",
                f"{one.surplus_words:+.1f}",
            )
            for one in found.interruptions
        ]
        heads = (
            "system",
            "trials",
            "last ms",
            "p95",
            "words off",
            "p95",
            "within 1",
            "held-heard",
        )
        yield _table("interrupted: the last of the reply, and the history beside what was heard", heads, rows)
    if found.crowds:
        rows = [
            (
                one.system,
                f"{one.sessions} {'talking' if one.talking else 'listening'}",
                f"{one.core_per_session:.4f}",
                "–" if one.mib_per_session is None else f"{one.mib_per_session:.1f}",
                f"{one.process_mib:.0f}",
                f"{one.answers}/{one.expected}" if one.talking else "–",
                *(_two(one.above_endpoint_ms) if one.above_endpoint_ms else ("–", "–")),
            )
            for one in found.crowds
        ]
        heads = ("system", "sessions", "core", "MiB", "process", "answered", "ms", "p95")
        yield _table("at once in one process: core and MiB for each session", heads, rows)
    yield from found.failures
    if found.versions:
        yield "Measured: " + ", ".join(f"{system} {version}" for system, version in found.versions.items()) + "."
    yield f"{found.note} Load after it: {found.load_after:.1f}."
    yield "Glow is measured through its websocket and as a whole service; the peers are called in their own process."


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*heads, title=title, title_justify="left")
    for number, column in enumerate(table.columns):
        column.no_wrap = True
        column.justify = "right" if number > 1 else "left"
    for row in rows:
        table.add_row(*row)
    return table


def _two(value: Spread) -> tuple[str, str]:
    return f"{value.median:.0f}", f"{value.p95:.0f}"


def _crowd(run: dict[str, Any]) -> Crowd:
    above = [ms - ENDPOINT_MS for ms in run["voice_to_voice_ms"]]
    same = {name: run[name] for name in Crowd.__dataclass_fields__ if name != "above_endpoint_ms"}
    return Crowd(**same, above_endpoint_ms=spread(above) if above else None)


# The runs


def _jobs(plan: Plan, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the jobs: in each round all systems, each round starting with the next of them."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in (*RECORDINGS, INTERRUPTION):
        paths.append(folder / f"{number}.pcm")
        paths[-1].write_bytes(learner_recording(SCENE, number).samples.astype("<i2").tobytes())
    common: dict[str, Any] = {
        "lines": [str(path) for path in paths[:-1]],
        "interruption": str(paths[-1]),
        "reply": REPLY,
        "long_reply": LONG_REPLY,
        "endpoint_ms": ENDPOINT_MS,
        "noise": BACKGROUND_NOISE,
        "interrupt_ms": plan.interrupt_ms,
    }
    for turn in range(plan.rounds):
        for engines in plan.engines:
            instants_s = [instant + turn * _ROUND_SHIFT_S for instant in INSTANTS_S] if engines == "zero" else []
            conversation = {"plan": "conversation", "turns": plan.turns, "instants_s": instants_s}
            for system in _rotated(plan.systems, turn):
                yield common | _costs(engines) | conversation | {"system": system}
    for turn, (sessions, talking) in enumerate(
        (number, talking) for talking in (False, True) for number in plan.sessions
    ):
        crowd = {"plan": "crowd", "sessions": sessions, "seconds": plan.seconds, "talking": talking}
        for system in _rotated(plan.systems, turn):
            yield common | _costs("zero") | crowd | {"system": system}


def _costs(engines: str) -> dict[str, Any]:
    costs = dict(zip(("stt_ms", "llm_ms", "tts_ms"), COSTS_MS[engines], strict=True))
    real = {"whisper": str(WHISPER_NANO), "piper": str(PIPER_NANO)} if engines == "real" else {}
    return {"engines": engines, **costs, **real}


def _rotated(systems: Sequence[str], by: int) -> list[str]:
    by %= len(systems)
    return [*systems[by:], *systems[:by]]


def _run(job: dict[str, Any], pythons: dict[str, Path]) -> dict[str, Any]:
    """Run a job; return its result or its error."""
    try:
        if job["system"] == "glow":
            script = Script(
                [learner_recording(SCENE, number).samples for number in RECORDINGS],
                learner_recording(SCENE, INTERRUPTION).samples,
                job["reply"],
            )
            return run_glow(job, script)
        return run_peer(job, pythons[job["system"]])
    except (ClientError, VoiceError) as error:
        return {"error": str(error)}


def run_peer(job: dict[str, Any], python: Path) -> dict[str, Any]:
    """Run a job with a peer, in a child process.

    Raises:
        ClientError: it failed or timed out; the message has its last line of output.
    """
    system = job["system"]
    seconds = 90 + (job["seconds"] * 2 if job["plan"] == "crowd" else 20 * (job["turns"] + len(job["instants_s"])))
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GLOW_", "OPENAI_", "PYTHON"))}
    try:
        ran = subprocess.run(
            [python, RUNNERS / f"{system}_runner.py"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=inherited,
        )
    except subprocess.TimeoutExpired:
        raise ClientError(f"{system} was not done within {seconds:.0f} s; this machine is too busy for it.") from None
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"])[-1]
        raise ClientError(f"{system} ended early: {last}")
    try:
        result = json.loads(ran.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        raise ClientError(f"{system} ended without a result; run its script by hand to see why.") from None
    assert isinstance(result, dict)
    return result


def _sampled(job: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a job that are stored with its result."""
    return {name: job[name] for name in ("system", "plan", "engines")}
