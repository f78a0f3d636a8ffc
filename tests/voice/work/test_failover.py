"""Several equal servers: who works, who rests after a failure, and when it is tried again, by a clock of the test's."""

from threading import Event

import pytest

from voice.errors import EngineBusy, EngineFailed, InvalidAudio, with_elsewhere
from voice.work.failover import LONGEST_REST_S, Circuit, Failover


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Fleet:
    """Servers by name, which are away or not, and what they were asked."""

    def __init__(self, *names: str) -> None:
        self.away: set[str] = set()
        self.asked: list[str] = []
        self.clock = Clock()
        self.failover = Failover(names, self.is_well, self.clock)
        self.failover._closed = True  # no thread: the tests call `check` themselves

    def is_well(self, name: str) -> bool:
        return name not in self.away

    def work(self, name: str) -> str:
        self.asked.append(name)
        if name in self.away:
            raise with_elsewhere(EngineFailed(f"{name} is away."))
        return name


def circuits(fleet: Fleet) -> list[str]:
    return [server.circuit.value for server in fleet.failover.servers]


def test_what_fails_at_one_is_done_by_another_and_the_one_that_failed_rests() -> None:
    fleet = Fleet("a", "b")
    fleet.away = {"a"}
    assert fleet.failover.run(fleet.work) == "b"
    assert fleet.asked == ["a", "b"]
    assert circuits(fleet) == ["open", "closed"]
    assert [fleet.failover.run(fleet.work) for _ in range(3)] == ["b", "b", "b"]
    assert fleet.asked.count("a") == 1


def test_it_is_tried_with_one_request_once_a_check_found_it_well() -> None:
    fleet = Fleet("a", "b")
    fleet.away = {"a"}
    fleet.failover.run(fleet.work)
    assert fleet.failover.check() == 1.0
    fleet.away = set()
    assert fleet.failover.run(fleet.work) == "b", "its rest is not over"
    fleet.clock.now = 1.0
    assert fleet.failover.check() is None
    assert circuits(fleet) == ["half-open", "closed"]
    with fleet.failover.server() as tried:
        assert tried.engine == "a"
        with fleet.failover.server() as other:
            assert other.engine == "b", "one request at a time"
    assert circuits(fleet) == ["closed", "closed"]


def test_one_that_stays_away_rests_twice_as_long_up_to_a_bound_and_costs_no_request() -> None:
    fleet = Fleet("a", "b")
    fleet.away = {"a"}
    fleet.failover.run(fleet.work)
    rests = []
    for _ in range(7):
        fleet.clock.now += fleet.failover.check() or 0.0
        rests.append(fleet.failover.check())
    assert rests == [2.0, 4.0, 8.0, 16.0, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S]
    assert fleet.asked == ["a", "b"]


def test_a_request_that_fails_when_it_is_tried_again_goes_elsewhere_too() -> None:
    fleet = Fleet("a", "b")
    fleet.away = {"a"}
    fleet.failover.run(fleet.work)
    fleet.away, fleet.clock.now = set(), 1.0
    fleet.failover.check()
    fleet.away = {"a"}  # well when it was checked, but not for long
    assert fleet.failover.run(fleet.work) == "b"
    assert circuits(fleet) == ["open", "closed"]
    assert fleet.failover.check() == 2.0


def test_with_all_of_them_away_the_error_is_the_second_ones_and_all_are_tried_again() -> None:
    fleet = Fleet("a", "b")
    fleet.away = {"a", "b"}
    with pytest.raises(EngineFailed, match="b is away"):
        fleet.failover.run(fleet.work)
    assert circuits(fleet) == ["open", "open"]
    fleet.away = set()
    assert fleet.failover.run(fleet.work) in {"a", "b"}, "a caller is not turned away for a rest"


def test_an_error_that_is_not_the_servers_is_not_repeated() -> None:
    fleet = Fleet("a", "b")

    def refuse(name: str) -> str:
        fleet.asked.append(name)
        raise InvalidAudio("Not a number.")

    with pytest.raises(InvalidAudio):
        fleet.failover.run(refuse)
    assert fleet.asked == ["a"]
    assert circuits(fleet) == ["closed", "closed"]


def test_a_busy_one_passes_its_work_on() -> None:
    fleet = Fleet("a", "b")

    def work(name: str) -> str:
        if name == "a":
            raise with_elsewhere(EngineBusy("Too much to do."))
        return name

    assert fleet.failover.run(work) == "b"


def test_the_least_busy_one_is_asked() -> None:
    fleet = Fleet("a", "b", "c")
    with fleet.failover.server() as one, fleet.failover.server() as other, fleet.failover.server() as third:
        assert [one.engine, other.engine, third.engine] == ["a", "b", "c"]
    with fleet.failover.server() as one, fleet.failover.server():
        assert one.engine == "a"


def test_one_alone_is_asked_once() -> None:
    fleet = Fleet("a")
    fleet.away = {"a"}
    with pytest.raises(EngineFailed):
        fleet.failover.run(fleet.work)
    assert fleet.asked == ["a"]


@pytest.mark.slow
def test_the_checks_run_by_themselves_and_end_with_the_last_rest() -> None:
    checked = Event()

    def is_well(name: str) -> bool:
        checked.set()
        return True

    failover = Failover(["a", "b"], is_well)

    def work(name: str) -> str:
        if name == "a":
            raise with_elsewhere(EngineFailed("Away."))
        return name

    assert failover.run(work) == "b"
    checking = failover._checking
    assert checking is not None
    assert checked.wait(60)
    checking.join(60)
    assert not checking.is_alive()
    assert failover.servers[0].circuit is Circuit.HALF_OPEN
    failover.close()
    failover.close()
