"""What a scenario declares, and the stage on which it runs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.stage.platform import Platform, PlatformShape
from lab.verdict import Report, Verdict
from simulator.carrier.prepared_turn import PreparedTurn


class CannotRun(Exception):
    """The scenario cannot run with these options or on this machine. The message says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario runs.

    Attributes:
        root: The checkout of this program.
        folder: A new folder for logs and state, with a short path that every user may enter.
        options: Options of the command line, also those that the scenario added.
        words: What each caller says, a turn each, if the scenario has `turns`.
        running: The platform, if the scenario has a `shape`.
    """

    root: Path
    folder: Path
    options: Namespace
    words: Sequence[PreparedTurn] = ()
    running: Platform | None = None

    @property
    def platform(self) -> Platform:
        """The running platform: its carriers, programs, stores and workspace."""
        assert self.running is not None, "a scenario without a shape starts what it needs"
        return self.running


def _add_nothing(parser: ArgumentParser) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Something that happens to the platform, with what is demanded of it.

    Attributes:
        title: Heading of its section on a page.
        run: Plays it on the stage, and returns verdicts or a whole report. Raises CannotRun before it starts anything.
        shape: The platform that runs meanwhile. None if the scenario starts what it needs.
        turns: How many turns each caller says.
        intro: Markdown above the report on a page.
        stops_redis: Whether it stops Redis, so that it cannot run on a Redis Cluster.
        add_options: Adds options of its own to the command line.
    """

    title: str
    run: Callable[[Stage], Awaitable[Sequence[Verdict] | Report]]
    shape: PlatformShape | None = None
    turns: int = 0
    intro: str = ""
    stops_redis: bool = False
    add_options: Callable[[ArgumentParser], None] = _add_nothing
