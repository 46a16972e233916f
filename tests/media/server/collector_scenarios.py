"""What the collector of reference cycles does: each function is called in a process of its own by `test_collector.py`,
because a test process has so many objects that to look at all of them takes seconds."""

import asyncio
import gc
import weakref

from media.server.collector import AGEING, BUSY_S, IDLE_S, YOUNG, CycleCollector
from vocalized.virtual_time import run_virtual


def note_full_collections() -> list[int]:
    """A list that gets an entry for each collection of all objects."""
    found: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            found.append(info["generation"])

    gc.callbacks.append(note)
    return found


class Cycle:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


def make_cycle() -> "weakref.ref[Cycle]":
    return weakref.ref(Cycle())


def make_objects(count: int) -> list[list[int]]:
    return [[] for _ in range(count)]


class Calls:
    """Whether the node has calls."""

    running = True

    def is_idle(self) -> bool:
        return not self.running


def a_young_cycle_is_freed_by_what_is_made_after_it() -> None:
    async def serve() -> None:
        collector = CycleCollector(Calls().is_idle)
        collector.start()
        cycle = make_cycle()
        kept = make_objects(YOUNG + 100)
        assert cycle() is None and kept
        collector.stop()

    run_virtual(serve())


def what_is_older_is_set_aside_and_not_looked_at_again() -> None:
    full = note_full_collections()

    async def serve() -> None:
        collector = CycleCollector(Calls().is_idle)
        collector.start()
        full.clear()
        before = gc.get_freeze_count()
        kept = make_objects(YOUNG * (AGEING + 2))
        assert gc.get_freeze_count() - before < YOUNG
        await asyncio.sleep(1.5)
        assert gc.get_freeze_count() - before >= YOUNG * AGEING
        assert full == [] and kept
        collector.stop()

    run_virtual(serve())


def all_is_looked_at_once_after_the_last_call() -> None:
    full = note_full_collections()

    async def serve() -> None:
        calls = Calls()
        collector = CycleCollector(calls.is_idle)
        collector.start()
        full.clear()
        cycle = make_cycle()
        gc.freeze()
        await asyncio.sleep(IDLE_S + 10)
        assert cycle() is not None and full == []
        calls.running = False
        await asyncio.sleep(2)
        assert cycle() is None and len(full) == 1
        await asyncio.sleep(10 * IDLE_S)
        assert len(full) == 1
        collector.stop()

    run_virtual(serve())


def calls_that_come_and_go_bring_no_more_than_one_look_a_minute() -> None:
    full = note_full_collections()

    async def serve() -> None:
        calls = Calls()
        collector = CycleCollector(calls.is_idle)
        collector.start()
        full.clear()
        for _ in range(round(10 * IDLE_S / 4)):
            calls.running = not calls.running
            await asyncio.sleep(4)
        assert 5 <= len(full) <= 10
        collector.stop()

    run_virtual(serve())


def a_node_that_always_has_calls_looks_at_all_once_an_hour() -> None:
    full = note_full_collections()

    async def serve() -> None:
        collector = CycleCollector(Calls().is_idle)
        collector.start()
        full.clear()
        cycle = make_cycle()
        gc.freeze()
        await asyncio.sleep(2.5 * BUSY_S)
        assert cycle() is None and len(full) == 2
        collector.stop()

    run_virtual(serve(), limit_s=3 * BUSY_S)


def once_stopped_it_does_nothing() -> None:
    full = note_full_collections()

    async def serve() -> None:
        calls = Calls()
        collector = CycleCollector(calls.is_idle)
        collector.stop()
        collector.start()
        full.clear()
        await asyncio.sleep(2)
        calls.running = False
        collector.stop()
        await asyncio.sleep(2 * IDLE_S)
        assert full == []

    run_virtual(serve())
