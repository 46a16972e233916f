"""Says fixed texts: announcements, fillers, and the last words of a call."""

from collections.abc import Callable

from media.call.agent import Agent
from media.call.announcements import Announcements
from media.call.caller_turns import CallerTurns
from media.call.digits import DigitPrompt
from media.call.failure_policy import FailurePolicy
from media.call.pending_speech import FixedText
from media.call.phrase_audio import PhraseAudio
from media.call.silence_monitor import SilenceMonitor
from media.call.termination import CallTermination
from shared.events import EndReason
from shared.refcycles import break_cycle


class FixedSpeech:
    """Speaks the texts of a call's agent that need no model. Times are in ms on the call's clock.

    Attributes:
        turns: Determines the turn in which a text is said.
        phrases: The audio of fixed sentences.
        on_begun: Called when a text begins, with whether the caller may interrupt it.
    """

    def __init__(
        self,
        *,
        agent: Agent,
        announcements: Announcements,
        silence: SilenceMonitor,
        termination: CallTermination,
        turns: CallerTurns,
        phrases: PhraseAudio,
        failures: FailurePolicy,
        on_begun: Callable[[bool], None],
    ) -> None:
        self._agent = agent
        self._announcements = announcements
        self._silence = silence
        self._termination = termination
        self._turns = turns
        self._phrases = phrases
        self._failures = failures
        self._on_begun = on_begun

    def say(self, text: FixedText) -> None:
        """Say a text at once."""
        self._silence.words_due()
        said = self._agent.say(
            text.text, self._turns.number, in_transcript=text.in_transcript, interruptible=text.interruptible
        )
        said.is_secret = text.is_secret
        if text.is_announcement:
            self._announcements.began(said)
        self._on_begun(text.interruptible)

    def fill_silence(self, now: float, *, is_silent: bool) -> None:
        """Say that the agent is busy if the caller has heard nothing for long."""
        if self._termination.reason or self._announcements.are_due:
            return
        if words := self._silence.tool_filler(now, is_silent=is_silent):
            self._agent.fill(words) if self._agent.is_waiting else self.say(FixedText(words, in_transcript=False))
        late = self._silence.late_filler(now, is_silent=is_silent)
        if late and (spoken := self._phrases.find(late)):
            self._silence.late_filler_said()
            coming = not self._agent.is_busy  # the turn has not been taken yet
            self._agent.fill_silence(late, spoken.audio, self._turns.number + coming)

    def ask_for_digits(self, take_prompt: Callable[[], DigitPrompt | None]) -> None:
        """Say a tool's question to the caller, unless an answer is being prepared. `take_prompt` returns None for
        nothing.

        A yes/no question is a separate utterance: "yes" over a continuing answer would be a backchannel. Its digits are
        kept out of the transcript and of events.
        """
        if self._termination.reason or (self._agent.is_busy and not self._agent.is_waiting):
            return
        prompt = take_prompt()
        if prompt is None:
            return
        if prompt.is_secret:
            self._agent.end_waiting()
            self.say(FixedText(prompt.text, in_transcript=False, is_secret=True))
        else:
            self._agent.fill(prompt.text) if self._agent.is_waiting else self.say(FixedText(prompt.text))

    def say_last(self, text: str) -> None:
        """Say this at once, as the last words before the line is closed."""
        self._agent.interrupt()
        self.say(FixedText(text))
        if not self._agent.is_busy:  # the caller speaks and did not let the agent begin
            self._termination.agent_finished()

    def leave_message(self, text: str) -> None:
        """Say this at once to an answering machine as the last words of the call, whatever sounds there.

        Repeated calls change nothing.
        """
        if self._termination.reason != "voicemail":
            self._termination.begin("voicemail", "", after_speech=True)
            self._agent.interrupt()
            self.say(FixedText(text, interruptible=False))

    def end(self, reason: EndReason, goodbye: str) -> None:
        """End the call after a goodbye. A goodbye that is being said is not repeated."""
        is_saying_goodbye = self._termination.reason is not None and self._agent.is_busy
        self._termination.begin(reason, "", after_speech=True)
        if not is_saying_goodbye:
            self.say_last(goodbye)

    def give_up(self, words: str, provider: str, *, can_speak: bool) -> None:
        """Transfer the caller to a person if the agent has a number for that, else end the call, after the words.

        Args:
            can_speak: The voice works. Otherwise only words with available audio are said.
        """
        words = self._failures.give_up(words, provider)
        if can_speak or self._phrases.find(words) is not None:
            self.say_last(words)
        else:
            self._termination.agent_finished()

    def close(self) -> None:
        """Say nothing more, and drop the reference to the call, which refers back to this object."""
        break_cycle(self, "_on_begun")
