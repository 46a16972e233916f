"""Several processes' boards that exchange what they saw every second, as the bus lets them do, in simulated time."""

from collections.abc import Callable
from random import Random

import pytest

from media.providers.health import HealthBoard, HealthChange, HealthKey, SharedHealth
from media.providers.ports import ProviderError
from tests.media.providers.health_harness import DOWN, KEY, BoardHarness

HTTP_500 = ProviderError("groq", "HTTP 500")


class Processes:
    """Boards with one clock. fails: whether the request of that number fails. changes: what a process saw itself."""

    def __init__(self, count: int, fails: Callable[[int], bool]) -> None:
        self.now, self.tried, self.changes = 0.0, 0, list[str]()
        self._fails, self._random = fails, Random(1)
        self._version, self._newest = 0, (0.0, 0.0, 0)
        self._boards = [HealthBoard(lambda: self.now, chance=self._random.random) for _ in range(count)]
        for board in self._boards:
            board.subscribe(self._on_change)

    def run(self, per_s: float, seconds: float) -> float:
        """Sends requests to random processes. Returns the share of them that tried the provider."""
        next_exchange = 0.0
        for number in range(round(per_s * seconds)):
            self.now = number / per_s
            if self.now >= next_exchange:
                next_exchange = self.now + 1.0
                self._exchange()
            self._request(self._random.choice(self._boards))
        return self.tried / (per_s * seconds)

    def _request(self, board: HealthBoard) -> None:
        if not board.is_usable(KEY):
            return
        self.tried += 1
        attempt = board.start(KEY)
        if self._fails(self.tried):
            attempt.fail(HTTP_500)
        else:
            attempt.mark_useful()

    def _on_change(self, change: HealthChange) -> None:
        if change.shared:
            return
        self.changes.append(change.what)
        at = self.now - change.evidence_s
        if at >= self._newest[0]:
            until = self.now + change.cool_down_s if change.cool_down_s else 0.0
            self._version, self._newest = self._version + 1, (at, until, change.ejections)

    def _exchange(self) -> None:
        seen = [board.recent().get(KEY, (0, None)) for board in self._boards]
        for index, board in enumerate(self._boards):
            others = seen[:index] + seen[index + 1 :]
            ages = [age_s for _, age_s in others if age_s is not None]
            board.heed(KEY, sum(doubts for doubts, _ in others), min(ages, default=None))
            at, until, ejections = self._newest
            if self._version:
                left_s = until - self.now if until else None
                board.learn(KEY, SharedHealth(self._version, self.now - at, left_s, ejections))


@pytest.mark.parametrize("per_s", [0.2, 1.0, 10.0])
@pytest.mark.parametrize("count", [2, 8])
def test_one_that_fails_every_third_request_stays_in_service(count: int, per_s: float) -> None:
    """For each process the third of the failures looks random."""
    processes = Processes(count, lambda number: number % 3 == 0)
    assert processes.run(per_s, 1_800) == pytest.approx(1.0)
    assert processes.changes == []


@pytest.mark.parametrize("per_s", [1.0, 10.0])
def test_one_that_fails_a_third_at_random_is_hardly_ever_ejected(per_s: float) -> None:
    chance = Random(2)
    processes = Processes(8, lambda number: chance.random() < 1 / 3)
    assert processes.run(per_s, 1_800) > 0.98
    assert processes.changes.count("ejected") <= 1


def test_a_dead_one_costs_eight_processes_hardly_more_than_one() -> None:
    processes = Processes(8, lambda number: True)
    processes.run(5.0, 20.0)
    assert processes.tried <= 12


def test_one_that_dies_is_ejected_by_all() -> None:
    processes = Processes(8, lambda number: number > 100)
    processes.run(5.0, 34.0)
    assert processes.tried <= 100 + 8 * 10
    assert not any(board.is_usable(KEY) for board in processes._boards)


def test_failures_elsewhere_count_until_the_provider_works_somewhere() -> None:
    harness = BoardHarness()
    harness.fail()
    harness.board.heed(KEY, 1, None)
    assert harness.usable
    harness.board.heed(KEY, 2, None)
    assert not harness.usable
    harness.wait(1)
    harness.board.heed(KEY, 2, 0.0)
    assert harness.usable
    harness.wait(6)
    assert harness.usable
    harness.fail()
    harness.board.heed(KEY, 2, None)
    assert harness.changes == []
    harness.fail()
    assert harness.what == ["ejected"]


def test_doubts_are_shared_while_they_are_fresh() -> None:
    harness = BoardHarness()
    harness.fail(times=2)
    assert harness.board.recent() == {KEY: (2, None)}
    harness.wait(11)
    assert harness.board.recent() == {}
    harness.succeed()
    assert harness.board.recent() == {KEY: (0, 0.0)}


def test_a_machine_where_the_provider_always_fails_ejects_it_for_itself() -> None:
    harness = BoardHarness()
    for _ in range(9):
        harness.wait(1)
        harness.board.heed(KEY, 0, 0.1)
        harness.fail()
    assert harness.usable
    harness.wait(1)
    harness.board.heed(KEY, 0, 0.1)
    harness.fail(DOWN)
    assert not harness.usable
    assert harness.board.is_usable(HealthKey("llm", "other"))
