"""The agent's side of a call: one utterance at a time, from its first thought to its last played word."""

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from media.call.reply import Reply, Speaker, Stages
from media.call.utterance import Utterance
from media.providers.ports import ProviderError
from shared.events import AgentSaid, TurnLatency


@dataclass(frozen=True, slots=True)
class TurnClock:
    """When a caller's turn ended, in ms of the call's clock.

    ended: true end of the sound. due: the silence alone made the turn over. decided: its text was there, too.
    """

    ended: float
    due: float
    decided: float


class Listener(Protocol):
    """The call, as the agent sees it."""

    def agent_audible(self, utterance: Utterance) -> None:
        """The utterance's first audio went to the caller."""

    def agent_known(self, utterance: Utterance, left_ms: float) -> None:
        """The utterance is complete; `left_ms` of it are still to be heard."""

    def agent_over(self, utterance: Utterance) -> None:
        """The utterance was heard to its end."""

    def agent_failed(self, utterance: Utterance, error: ProviderError) -> None:
        """The utterance could not be finished; what was heard of it stands."""

    def agent_crashed(self, error: BaseException) -> None:
        """Our own fault: the call cannot go on."""


class Agent:
    """Runs replies and keeps the ledger of what was heard. Every method runs on the event loop and returns at once."""

    def __init__(self, speaker: Speaker, listener: Listener) -> None:
        self._speaker = speaker
        self._listener = listener
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # also those that were given up and are still closing
        self._closed = False
        self._asked: TurnClock | None = None
        self._sounded_at: float | None = None

    @property
    def busy(self) -> bool:
        """An utterance is being made or heard."""
        return self._reply is not None

    @property
    def sounding(self) -> bool:
        """The utterance's audio has begun to go to the caller."""
        return self._reply is not None and self._sounded_at is not None

    def say(self, text: str, turn: int, *, aside: bool = False) -> None:
        """Speaks a fixed text; as an `aside`, the model is not to know of it."""
        self._begin(Utterance(turn), text, None, aside=aside)

    def answer(self, turn: int, asked: TurnClock) -> None:
        """Lets the model answer the conversation so far."""
        self._begin(Utterance(turn), None, asked)

    def hold(self) -> None:
        """Silences the agent at once; it may go on."""
        if self._reply:
            self._speaker.playback.hold(self._speaker.clock())

    def resume(self) -> None:
        """Goes on after a false interruption."""
        if self._reply is None:
            return
        self._speaker.playback.resume(self._speaker.clock())
        if self._reply.utterance.audio:
            self.audible()
        self.check()

    def interrupt(self) -> None:
        """The caller has the floor: the utterance ends at the word that was heard."""
        if self._reply is None:
            return
        if self._task:
            self._task.cancel()
        self._speaker.playback.drop(self._speaker.clock())
        self._conclude(interrupted=True)

    def audible(self) -> None:
        """Audio of the utterance went to the caller."""
        reply = self._reply
        if reply is None or self._sounded_at is not None or self._speaker.playback.held:
            return
        self._sounded_at = now = self._speaker.clock()
        self._listener.agent_audible(reply.utterance)
        if self._reply is not reply:
            return  # the floor was not free: the listener has interrupted it
        if self._asked:
            self._tell_latency(self._asked, reply.stages, now)
        self._tell_length()

    def check(self) -> None:
        """Concludes the utterance when it was made and heard to its end."""
        if self._reply is None or (self._task and not self._task.done()):
            return
        if self._speaker.playback.finished(self._speaker.clock()):
            utterance = self._reply.utterance
            self._conclude(interrupted=False)
            self._listener.agent_over(utterance)

    async def close(self) -> None:
        """The call is over: stops whatever runs; nothing is said after that."""
        self._closed = True
        self.interrupt()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._task = None
        del self._speaker, self._listener  # they hold the call, which holds this: it must go without the collector

    def _begin(self, utterance: Utterance, fixed: str | None, asked: TurnClock | None, *, aside: bool = False) -> None:
        self.interrupt()
        if self._closed:
            return
        self._asked, self._sounded_at = asked, None
        self._speaker.playback.begin(utterance, self._speaker.clock())
        self._reply = Reply(self._speaker, utterance, fixed, aside)
        self._task = asyncio.create_task(self._reply.run())
        self._tasks.add(self._task)
        self._task.add_done_callback(self._made)

    def _made(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ProviderError):
            self._listener.agent_crashed(error)
        elif task is self._task and not task.cancelled():
            self._finish(error)

    def _finish(self, error: ProviderError | None) -> None:
        """All audio is there, or no provider could go on. What fails after it was given up does not matter any more."""
        if self._reply is None:
            return
        utterance = self._reply.utterance
        if error is not None:
            self._speaker.playback.drop(self._speaker.clock())
            self._conclude(interrupted=True)
            self._listener.agent_failed(utterance, error)
        else:
            self._tell_length()
            self.check()

    def _tell_length(self) -> None:
        if self._reply and self.sounding and self._task and self._task.done():
            left = self._speaker.playback.left_ms(self._speaker.clock())
            self._listener.agent_known(self._reply.utterance, left)

    def _conclude(self, *, interrupted: bool) -> None:
        reply, now = self._reply, self._speaker.clock()
        if reply is None:
            return
        self._reply = None
        playback, utterance = self._speaker.playback, reply.utterance
        heard, planned = playback.heard_text(now), utterance.text.strip()
        reply.cut(heard)
        self._speaker.usage.heard_ms += playback.heard_ms(now)
        if heard and self._sounded_at is not None:
            unsaid = planned if heard != planned else ""
            ended = playback.silenced_at if interrupted else now
            said = AgentSaid(utterance.turn, heard, round(self._sounded_at), round(ended), interrupted, unsaid)
            self._speaker.emit(said)

    def _tell_latency(self, asked: TurnClock, stages: Stages, sounded: float) -> None:
        first_word = stages.first_word or sounded
        points = [asked.ended, asked.due, asked.decided, first_word, sounded]
        rounded = [round(point - asked.ended) for point in points]
        parts = [later - earlier for earlier, later in pairwise(rounded)]
        turn = self._reply.utterance.turn if self._reply else 0
        self._speaker.emit(TurnLatency(turn, rounded[-1], *parts))
