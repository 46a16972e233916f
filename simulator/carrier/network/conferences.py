"""Conferences of two lines. Carriers allow more participants, but this network cannot mix audio."""

import asyncio
from dataclasses import dataclass, field

from simulator.carrier.network.line import Line

_LONGEST_S = 14_400.0


class ConferenceFull(Exception):
    """The conference already has two participants."""


@dataclass(slots=True, eq=False)
class Conference:
    """A conference.

    Attributes:
        free: Set when the first participant no longer waits for the second.
        over: Set when a participant has left.
    """

    first: Line | None = None
    second: Line | None = None
    free: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def join(self, line: Line) -> None:
        """Take part until this line or the other line leaves. A single participant hears silence.

        Neither line is hung up. If the call is canceled, the line leaves. Raises ConferenceFull.
        """
        if self.first is None:
            self.first = line
            return await self._wait(line)
        if self.second is not None:
            raise ConferenceFull
        self.second = line
        if self.over.is_set():
            return
        self.first.interrupt()
        await self.free.wait()
        try:
            if not self.over.is_set():
                await line.bridge(self.first)
        finally:
            self.over.set()

    async def _wait(self, line: Line) -> None:
        try:
            if self.second is None:
                await line.wait(_LONGEST_S)
            self.free.set()
            if self.second is not None:
                await self.over.wait()
        finally:
            self.free.set()
            self.over.set()
            line.interrupt()


class Conferences:
    """The conferences of an account by name. An ended conference is dropped, so its name can begin a new one."""

    def __init__(self) -> None:
        self._by_name: dict[str, Conference] = {}

    def open(self, name: str) -> Conference:
        """Return the running conference with this name, or a new conference."""
        known = self._by_name.get(name)
        if known is None or known.over.is_set():
            known = self._by_name[name] = Conference()
        return known
