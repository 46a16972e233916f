"""Calls without sockets and without waiting: a virtual clock, and a socket that ends in a scripted agent."""

import asyncio

from tests.simulator.scripted_agent import ScriptedAgent


class VirtualClock:
    """A clock whose waits return at once, `late_s` too late. waited_for: the moments that were waited for."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.waited_for: list[float] = []
        self._now = 0.0
        self._late_s = late_s

    def now(self) -> float:
        return self._now

    async def wait_until(self, moment: float) -> None:
        self.waited_for.append(moment)
        for _ in range(4):  # messages of this moment arrive before the next
            await asyncio.sleep(0)
        self._now = max(self._now, moment + self._late_s)


class AgentSocket:
    """A socket to a scripted agent in the same process; its messages arrive before the next frame."""

    def __init__(self, agent: ScriptedAgent, close_code: int = 1000) -> None:
        self.agent = agent
        self.close_code: int | None = None
        self.sent: list[str] = []
        self._code = close_code
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    def inject(self, message: str | bytes) -> None:
        """Delivers a message in addition to the agent's own."""
        self._inbox.put_nowait(message)

    def hang_up(self) -> None:
        """Closes the socket from the agent's side."""
        self.close_code = self._code
        self._inbox.put_nowait(None)

    async def send(self, text: str) -> None:
        self.sent.append(text)
        for answer in self.agent.receive(text):
            self._inbox.put_nowait(answer)
        if self.agent.closing and self.close_code is None:
            self.hang_up()

    async def receive(self) -> str | bytes | None:
        return await self._inbox.get()

    async def close(self) -> None:
        self.close_code = self.close_code or 1000
