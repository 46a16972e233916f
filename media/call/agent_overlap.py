"""Speech of the caller's over the agent: lowers, holds, resumes and interrupts it, and reports that in events."""

from collections.abc import Callable

from media.call.agent import Agent
from media.call.caller_turns import CallerTurns
from media.call.clock import CallClock
from media.turn.decisions import HoldAgent, LowerAgent, ResumeAgent
from media.turn.vad import VoiceTrack
from shared.events import Event, TurnInterrupted, TurnResumed


class AgentOverlap:
    """The overlaps of one call. Times are in ms on the call's clock."""

    def __init__(
        self, agent: Agent, turns: CallerTurns, track: VoiceTrack, clock: CallClock, emit: Callable[[Event], None]
    ) -> None:
        self._agent, self._turns, self._track = agent, turns, track
        self._clock, self._emit = clock, emit
        self._began = 0.0

    def begin(self, decision: LowerAgent | HoldAgent) -> bool:
        """Lowers or silences the agent. Returns whether the caller has begun to speak."""
        if isinstance(decision, LowerAgent):
            has_begun = not decision.is_suspected
            self._agent.lower(is_early=decision.is_early)
        else:
            has_begun = not decision.lowered
            self._agent.hold()
        if has_begun:
            self._began = self._clock.at_audio(self._track.onset_ms)
        return has_begun

    def resume(self, decision: ResumeAgent) -> None:
        """It was nothing, or a nod."""
        self._turns.discard_overlap()
        if not decision.lowered:
            self._emit(TurnResumed(self._turns.number, round(self._clock.now())))
            self._agent.resume()

    def interrupt(self, *, is_early: bool) -> None:
        """Ends the agent's words. is_early: they had only just begun, so the caller goes on with the turn that they
        answer: if nothing was done for it yet they are withdrawn, and it remains one turn."""
        was_audible = self._agent.is_audible
        withdraws = was_audible and is_early and self._turns.is_pending and self._agent.may_be_withdrawn
        if was_audible and not withdraws:
            self._turns.settle()  # reported before what was heard of the answer
        self._agent.interrupt(withdraws=withdraws)
        if was_audible and not withdraws:
            self._turns.began_over_agent(self._began)
            self._emit(TurnInterrupted(self._turns.number, round(self._began), round(self._agent.silenced_at)))
