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
    """What one call's agent says without the model. Times are in ms on the call's clock.

    turns: tell in which turn it is said. phrases: the audio of fixed sentences. on_begun: called once a text is being
    made, with whether the caller may interrupt it.
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

    def say(self, one: FixedText) -> None:
        """Says a text at once."""
        self._silence.words_due()
        said = self._agent.say(
            one.text, self._turns.number, in_transcript=one.in_transcript, interruptible=one.interruptible
        )
        said.is_secret = one.is_secret
        if one.is_announcement:
            self._announcements.began(said)
        self._on_begun(one.interruptible)

    def fill_silence(self, now: float, *, is_silent: bool) -> None:
        """Says that the agent is busy, if nobody has been heard for long."""
        if self._termination.reason or self._announcements.are_due:
            return
        if words := self._silence.tool_filler(now, is_silent=is_silent):
            self._agent.fill(words) if self._agent.is_waiting else self.say(FixedText(words, in_transcript=False))
        late = self._silence.late_filler(now, is_silent=is_silent)
        if late and (spoken := self._phrases.find(late)):
            self._silence.late_filler_said()
            coming = not self._agent.is_busy  # the turn is still to be taken
            self._agent.fill_silence(late, spoken.audio, self._turns.number + coming)

    def ask_for_digits(self, take_prompt: Callable[[], DigitPrompt | None]) -> None:
        """Says what a tool asks the caller, unless an answer is being made. take_prompt: None for nothing.

        A question for a yes or a no is an utterance of its own: "yes" over an answer that goes on is a backchannel, and
        this one's figures are kept out of the transcript and of events."""
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
        """Says this at once, as the last words before the line is closed."""
        self._agent.interrupt()
        self.say(FixedText(text))
        if not self._agent.is_busy:  # the caller is speaking and did not let the agent begin
            self._termination.agent_finished()

    def leave_message(self, text: str) -> None:
        """Says this at once to an answering machine, whatever sounds there, as the last words of the call. Repeated, it
        changes nothing."""
        if self._termination.reason != "voicemail":
            self._termination.begin("voicemail", "", after_speech=True)
            self._agent.interrupt()
            self.say(FixedText(text, interruptible=False))

    def end(self, reason: EndReason, goodbye: str) -> None:
        """Ends the call after a goodbye; if one is under way already, that one is enough."""
        is_saying_goodbye = self._termination.reason is not None and self._agent.is_busy
        self._termination.begin(reason, "", after_speech=True)
        if not is_saying_goodbye:
            self.say_last(goodbye)

    def give_up(self, words: str, provider: str, *, can_speak: bool) -> None:
        """Transfers the caller to a person if the agent has a number for that, else ends the call, after the words.
        can_speak: the voice works; else only words whose audio is there are said."""
        words = self._failures.give_up(words, provider)
        if can_speak or self._phrases.find(words) is not None:
            self.say_last(words)
        else:
            self._termination.agent_finished()

    def close(self) -> None:
        """Says nothing more; forgets the call, which refers to this."""
        break_cycle(self, "_on_begun")
