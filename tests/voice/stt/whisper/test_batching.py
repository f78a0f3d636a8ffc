"""Work done batcher: one that breaks it fails alone, and nothing is as good a result as something."""

import threading

import pytest

from voice.errors import EngineFailed
from voice.stt.whisper.batching import Batcher


def test_one_that_breaks_the_work_is_the_only_one_that_fails() -> None:
    begun, go_on, batches = threading.Event(), threading.Event(), []

    def work(jobs: list[int]) -> list[int]:
        batches.append(len(jobs))
        begun.set()
        go_on.wait(100)
        if 3 in jobs:
            raise EngineFailed("three")
        return jobs

    batcher: Batcher[int, int] = Batcher(work)
    outcomes: dict[int, int | EngineFailed] = {}

    def bring(job: int) -> None:
        try:
            outcomes[job] = batcher.run(job, lambda: False)
        except EngineFailed as error:
            outcomes[job] = error

    threads = [threading.Thread(target=bring, args=(job,)) for job in range(5)]
    threads[0].start()
    begun.wait(100)
    for thread in threads[1:]:
        thread.start()
    while batcher.waiting < 4:
        pass
    go_on.set()
    for thread in threads:
        thread.join(100)
    assert isinstance(outcomes.pop(3), EngineFailed)
    assert outcomes == {0: 0, 1: 1, 2: 2, 4: 4}
    assert batches == [1, 4, 1, 1, 1, 1]


def test_a_job_may_have_no_result() -> None:
    batcher: Batcher[int, int | None] = Batcher(lambda jobs: [None for _ in jobs])
    assert batcher.run(1, lambda: False) is None


def test_a_lonely_job_is_not_tried_twice() -> None:
    tries = []

    def work(jobs: list[int]) -> list[int]:
        tries.append(jobs)
        raise EngineFailed("always")

    with pytest.raises(EngineFailed):
        Batcher(work).run(1, lambda: False)
    assert len(tries) == 1


def test_the_urgent_go_first_and_among_themselves_and_whoever_runs_can_see_them_wait() -> None:
    begun, go_on, batches, wanted = threading.Event(), threading.Event(), [], []

    def work(jobs: list[str]) -> list[str]:
        batches.append(sorted(jobs))
        begun.set()
        go_on.wait(100)
        wanted.append(batcher.urgently_wanted)
        return jobs

    batcher: Batcher[str, str] = Batcher(work)
    jobs = {"first sketch": False, "sketch": False, "final": True, "another sketch": False, "another final": True}
    threads = [
        threading.Thread(target=batcher.run, args=(job, lambda: False), kwargs={"urgent": urgent})
        for job, urgent in jobs.items()
    ]
    threads[0].start()
    begun.wait(100)
    for thread in threads[1:]:
        thread.start()
    while batcher.waiting < 4:
        pass
    go_on.set()
    for thread in threads:
        thread.join(100)
    assert batches == [["first sketch"], ["another final", "final"], ["another sketch", "sketch"]]
    assert wanted == [True, False, False]


def test_the_size_of_each_batch_is_reported_a_repeated_one_included() -> None:
    sizes: list[int] = []

    def broken(jobs: list[int]) -> list[int]:
        if len(jobs) > 1:
            raise ValueError
        return jobs

    batcher: Batcher[int, int] = Batcher(broken)  # type: ignore[arg-type]
    batcher.batched = sizes.append
    assert batcher.run(1, lambda: False) == 1
    assert sizes == [1]
