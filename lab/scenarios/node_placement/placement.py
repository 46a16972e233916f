"""How evenly calls are spread over many media nodes whose load is known late: a simulation of `NodeRegistry.choose`.

Each node reports its calls once per heartbeat. Calls that were assigned since then are known to all choosers, as on the
bus; what is not known is which calls have ended, and, once a node has reported, which assigned calls are still on their
way to it (the carrier answers and opens the socket first).
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

# One step of the simulation.
STEP_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Fleet:
    """capacity: calls of each node. load: part of all capacity in use, 0 to 1. call_s: mean length of a call
    (exponential). beat_s: between two reports of a node. delay_s: from the choice to the call's arrival at its node.
    restarted: nodes that begin without calls."""

    nodes: int
    capacity: int
    load: float
    call_s: float = 180.0
    beat_s: float = 1.0
    delay_s: float = 1.0
    restarted: int = 0

    @property
    def calls_per_s(self) -> float:
        """Calls that begin."""
        return self.nodes * self.capacity * self.load / self.call_s


@dataclass(frozen=True, slots=True)
class Spread:
    """chosen: calls assigned. refused: those that arrived at a full node. deviation: of the nodes' calls, standard, at
    the end. most: calls of the fullest node at the end. burst: most calls that one node was assigned within a second.
    """

    chosen: int
    refused: int
    deviation: float
    most: int
    burst: int


def simulate(fleet: Fleet, sample: int | None, seconds: float, *, seed: int = 1) -> Spread:
    """sample: nodes that are drawn by chance for each call, of which the least loaded gets it; None: all are looked
    at. A choice that finds no room counts as refused."""
    return _Simulation(fleet, sample, np.random.default_rng(seed)).run(seconds)


class _Simulation:
    def __init__(self, fleet: Fleet, sample: int | None, random: np.random.Generator) -> None:
        self._fleet, self._sample, self._random = fleet, sample, random
        self._calls: NDArray[np.int64] = np.minimum(
            random.poisson(fleet.capacity * fleet.load, fleet.nodes), fleet.capacity
        )
        self._calls[: fleet.restarted] = 0
        self._known, self._assigned = self._calls.copy(), np.zeros(fleet.nodes, np.int64)
        self._ends = [(random.exponential(fleet.call_s), node) for node in self._all_calls()]
        heapq.heapify(self._ends)
        self._arrivals: list[tuple[float, int]] = []  # in the order of their times
        self._phase = random.integers(0, max(1, round(fleet.beat_s / STEP_S)), fleet.nodes)

    def _all_calls(self) -> Iterator[int]:
        for node, calls in enumerate(self._calls):
            yield from [node] * int(calls)

    def run(self, seconds: float) -> Spread:
        chosen = refused = burst = 0
        second: NDArray[np.int64] = np.zeros(self._fleet.nodes, np.int64)
        for step in range(round(seconds / STEP_S)):
            now = step * STEP_S
            refused += self._advance(now, step)
            for _ in range(self._random.poisson(self._fleet.calls_per_s * STEP_S)):
                chosen += 1
                node = self._choose()
                if node is None:
                    refused += 1
                    continue
                self._assigned[node] += 1
                second[node] += 1
                self._arrivals.append((now + self._fleet.delay_s, node))
            if (step + 1) % round(1 / STEP_S) == 0:
                burst = max(burst, int(second.max()))
                second[:] = 0
        return Spread(chosen, refused, float(self._calls.std()), int(self._calls.max()), burst)

    def _advance(self, now: float, step: int) -> int:
        """Lets calls end and arrive, and nodes report. Returns the calls that arrived at a full node."""
        while self._ends and self._ends[0][0] <= now:
            self._calls[heapq.heappop(self._ends)[1]] -= 1
        refused = arrived = 0
        while arrived < len(self._arrivals) and self._arrivals[arrived][0] <= now:
            node = self._arrivals[arrived][1]
            arrived += 1
            if self._calls[node] >= self._fleet.capacity:
                refused += 1
                continue
            self._calls[node] += 1
            heapq.heappush(self._ends, (now + self._random.exponential(self._fleet.call_s), node))
        del self._arrivals[:arrived]
        reporting = self._phase == step % max(1, round(self._fleet.beat_s / STEP_S))
        self._known[reporting] = self._calls[reporting]
        self._assigned[reporting] = 0
        return refused

    def _choose(self) -> int | None:
        """The least loaded with room, by the rule of the script on the bus."""
        if self._sample is None:
            return self._least_loaded(None)
        for _ in range(math.ceil(512 / self._sample)):
            node = self._least_loaded(self._random.integers(0, self._fleet.nodes, self._sample))
            if node is not None:
                return node
        return None

    def _least_loaded(self, drawn: NDArray[np.int64] | None) -> int | None:
        load = self._known + self._assigned if drawn is None else self._known[drawn] + self._assigned[drawn]
        best = int(load.argmin())
        if load[best] >= self._fleet.capacity:
            return None
        return best if drawn is None else int(drawn[best])
