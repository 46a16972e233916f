"""Tracks who was last audible and what is due, and fills silence."""

from dataclasses import dataclass
from typing import Final

from media.call.agent import Agent
from media.call.answer_latency import TurnTimes
from media.call.call_language import CallLanguage
from media.call.call_tools import CallTools
from media.call.clock import CallClock
from media.call.late_filler import LateFiller
from media.call.pending_speech import PendingSpeech
from media.call.playback import Playback
from media.call.recognizer import CallRecognizer
from media.call.silence_filler import SilenceFiller
from media.call.watchdog import Alarm, Watchdog
from media.turn.floor import Floor
from media.turn.floor_state import CALLER_IS_HEARD, CALLER_TALKS, FloorState
from media.turn.vad import VoiceTrack
from shared.plan import CallPlan

# A shorter sound of the caller is often not speech, so nothing is said while its text is awaited.
SHORTEST_SPEECH_MS: Final = 500


@dataclass(frozen=True, slots=True)
class ObservedCall:
    """The parts of a call that show what the caller hears."""

    clock: CallClock
    track: VoiceTrack
    floor: Floor
    agent: Agent
    tools: CallTools
    recognizer: CallRecognizer
    playback: Playback


class SilenceMonitor:
    """Tracks which words of the agent are due. Checked four times a second. Times are in ms on the call's clock."""

    __slots__ = (
        "_asked_filler_at", "_call", "_due_since", "_is_silence_meant", "_is_unclear_told", "_late", "_patience_ms",
        "_sound_at", "_tool_filler", "_watchdog", "_words_at",
    )  # fmt: skip

    def __init__(self, plan: CallPlan, call: ObservedCall, late: LateFiller, language: CallLanguage) -> None:
        now = call.clock.now()
        self._call = call
        self._watchdog = Watchdog(plan.limits, now)
        self._tool_filler = SilenceFiller(plan.limits, language, now)
        self._late = late
        self._patience_ms = plan.turn.silence_ms
        self._sound_at = now  # the last sound of either side
        self._words_at = now  # the end of the agent's last words that were heard to their end
        self._due_since = now  # since when something is due, if it is
        self._asked_filler_at: float | None = None  # a tool's filler that has not sounded yet
        self._is_silence_meant = False  # a tool without a filler runs
        self._is_unclear_told = False  # whether the agent has said that nothing was understood

    # --- what happened ---

    def caller_spoke(self) -> None:
        """Record that the caller began to speak or continued."""
        self._watchdog.caller_spoke(self._call.clock.now())
        self._late.wait_over()

    def key_pressed(self) -> None:
        """Record that the caller pressed a key."""
        now = self._call.clock.now()
        self._watchdog.caller_spoke(now)
        self._tool_filler.heard(now)

    def reply_due(self, times: TurnTimes | None) -> None:
        """Record that an answer to a turn is due, or without `times`, an answer to the results of tools.

        The silence that ended the turn counts as waiting for words only up to the plan's `silence_ms`, because a filler
        right at its end would only delay the answer.
        """
        now = self._call.clock.now()
        if times is None:
            self._watchdog.tool_ended(now, self._sound_at)
            self._due_since = now
        else:
            since = self.heard_since(times.ended)
            self._due_since = max(since, now - self._patience_ms)
            self._watchdog.reply_asked(since)

    def words_due(self) -> None:
        """Record that a fixed text is due. It does not end a wait: an apology is due since the answer was due."""
        self._due_since = now = self._call.clock.now()
        self._watchdog.answer_owed(now)

    def reply_audible(self, *, is_answer: bool) -> None:
        """Record that an utterance has begun to sound."""
        if is_answer:
            self._late.answered(self._call.clock.now() - self._due_since)

    def reply_over(self) -> None:
        """Record that the answer was heard or is no longer due."""
        self._watchdog.reply_over()
        self._late.wait_over()

    def words_heard(self) -> None:
        """Record that the agent's words were heard to their end."""
        self._words_at = now = self._call.clock.now()
        self._watchdog.agent_heard(now)
        self.reply_over()

    def tools_done(self, *, is_awaited: bool) -> None:
        """Record that the tools of an answer have ended. If they had a filler, all silence since the last sound counts.

        Args:
            is_awaited: A reply waits for their results.
        """
        if not self._call.tools.is_running:
            self._tool_filler.tool_ended()
        if is_awaited:
            self.reply_due(None)
            if not self._is_silence_meant:
                self._watchdog.reply_asked(self._sound_at)
        self._is_silence_meant = False

    # --- what follows ---

    def heard_since(self, ended: float) -> float:
        """Return since when a caller whose speech ended at `ended` hears nothing. Uninterruptible words may end
        later."""
        return max(ended, self._words_at)

    def update(self, now: float, *, is_silent: bool) -> None:
        """Record who is audible now. `is_silent` means that the agent is not."""
        call, state = self._call, self._call.floor.state
        if call.recognizer.has_text:
            self._is_unclear_told = False
        if not is_silent:
            self._sound_at, self._asked_filler_at = now, None
        else:  # in any state, because the caller may talk over uninterruptible words before they sound
            self._sound_at = max(self._sound_at, call.clock.at_audio(call.track.last_voice_ms))
        if not is_silent or state in CALLER_IS_HEARD:
            self._tool_filler.heard(now)
        if call.agent.is_waiting:
            self._is_silence_meant = not call.tools.filler
        self._update_watchdog(now, is_silent)

    def take_unclear_speech(self, pending: PendingSpeech) -> bool:
        """Return whether the agent must ask the caller to repeat speech that has ended without words.

        The speech must have been long enough for words, the recognizer must have found none, nothing else may be due,
        and the agent must not have asked since words were last understood. Noise that sounds like speech thus makes the
        agent ask only once.
        """
        call, track = self._call, self._call.track
        is_speech = track.last_voice_ms - track.onset_ms >= SHORTEST_SPEECH_MS
        is_empty = not call.recognizer.is_unanswered and not call.recognizer.has_text
        is_due = pending.is_opening or call.agent.is_busy or call.tools.is_running
        if self._is_unclear_told or not is_speech or not is_empty or is_due:
            return False
        self._is_unclear_told = True
        return True

    def alarm(self, now: float) -> Alarm | None:
        """Return the limit that is reached now."""
        return self._watchdog.tick(now)

    def late_filler(self, now: float, *, is_silent: bool) -> str:
        """Return what to say because words of the agent are late, or an empty text."""
        since = self._late_since()
        return self._late.choose(now - max(since, self._sound_at)) if since is not None and is_silent else ""

    def late_filler_said(self) -> None:
        """Record that the result of `late_filler` is said."""
        self._late.said()

    def tool_filler(self, now: float, *, is_silent: bool) -> str:
        """Return what to say because the caller waits for a tool, or an empty text."""
        agent, tools = self._call.agent, self._call.tools
        if not is_silent or self._call.floor.state in CALLER_IS_HEARD or not tools.is_running:
            return ""
        words = tools.filler if agent.is_waiting or not agent.is_busy else ""
        words = words and self._tool_filler.choose(now, words)
        if words:
            self._asked_filler_at = now
        return words

    def _update_watchdog(self, now: float, is_silent: bool) -> None:
        agent, watchdog, state = self._call.agent, self._watchdog, self._call.floor.state
        unheard = self._unanswered_since()
        if unheard is not None and is_silent:
            watchdog.answer_owed(unheard)
        elif state in CALLER_TALKS:
            watchdog.caller_spoke(now)
            watchdog.reply_over()
        elif state is FloorState.HELD:
            watchdog.filler_heard(now)  # because the caller is audible
        elif not is_silent and self._call.playback.is_filler(now):
            watchdog.late_filler_heard(now)
        elif agent.is_busy:
            self._update_for_agent(now, is_silent)
        elif is_silent and self._call.tools.is_running:
            watchdog.working(now)
        else:
            watchdog.reply_over()

    def _update_for_agent(self, now: float, is_silent: bool) -> None:
        agent = self._call.agent
        self._watchdog.agent_busy(
            now,
            is_silent=is_silent,
            is_waiting=agent.is_waiting and self._asked_filler_at is None,
            owes_answer=agent.owes_answer,
            is_made=agent.is_made,
        )

    def _late_since(self) -> float | None:
        """Return since when words of the agent are due, or None."""
        agent, state = self._call.agent, self._call.floor.state
        unheard = self._unanswered_since()
        if unheard is not None:
            return unheard
        if not agent.is_busy or agent.is_made or state in CALLER_IS_HEARD:
            return None
        return self._asked_filler_at if agent.is_waiting else self._due_since

    def _unanswered_since(self) -> float | None:
        """Return since when the caller waits for an answer to speech whose text was requested and has not arrived.

        Returns None if there is no such speech, while the caller or the agent speaks, and after a sound that may not be
        speech.
        """
        call, recognizer, track = self._call, self._call.recognizer, self._call.track
        if not recognizer.is_unanswered or call.agent.is_busy:
            return None
        if call.floor.state not in (FloorState.PAUSED, FloorState.LISTENING):
            return None
        is_speech = recognizer.has_text or track.last_voice_ms - track.onset_ms >= SHORTEST_SPEECH_MS
        return self.heard_since(call.clock.at_audio(track.last_voice_ms)) if is_speech else None
