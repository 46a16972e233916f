"""The queue of texts that the agent says without the model, and their order."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from media.call.announcements import Announcements
from media.call.call_language import CallLanguage
from media.call.call_tools import CallTools
from media.call.caller_requests import CallerRequests
from media.call.recording_consent import RecordingConsent
from media.call.termination import CallTermination
from media.call.utterance import Utterance
from shared.events import Event
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class FixedText:
    """A text that the agent says.

    Attributes:
        in_transcript: The model sees the text.
        interruptible: The caller may interrupt it.
        is_secret: Events contain the text without its digits.
    """

    text: str
    in_transcript: bool = True
    interruptible: bool = True
    is_announcement: bool = False
    is_secret: bool = False


class PendingSpeech:
    """The texts that the agent must still say. Times are in ms on the call's clock.

    Attributes:
        is_answer_due: What the caller said before the call was lost, or before an announcement, needs an answer.
        is_greeting_due: The greeting was not said yet, or a refusal cut it off.
    """

    def __init__(
        self,
        plan: CallPlan,
        announcements: Announcements,
        consent: RecordingConsent,
        termination: CallTermination,
        tools: CallTools,
        language: CallLanguage,
        emit: Callable[[Event], None],
    ) -> None:
        """Create the queue. `tools` may have results that the caller does not know yet."""
        self._announcements, self._tools = announcements, tools
        self._requests = CallerRequests(plan, consent, announcements, termination, language, emit)
        self._greeting = plan.agent.greeting
        self._waits_for_caller = plan.resume is None and plan.first_message == "wait_for_caller"
        self._interruptible = plan.greeting_interruptible or plan.resume is not None
        self._is_resumed = plan.resume is not None
        self._texts: deque[str] = deque()  # texts from outside
        self._is_greeted = False
        self.is_greeting_due = bool(plan.agent.greeting)
        self.is_answer_due = False

    @property
    def has_announcements(self) -> bool:
        """Whether an announcement has not been said to its end, so that nothing else is said."""
        return self._announcements.are_due

    @property
    def is_opening(self) -> bool:
        """Whether an announcement or the greeting has not been said yet."""
        return self.has_announcements or self.is_greeting_due

    def began(self, utterance: Utterance) -> None:
        """Record an utterance that has become audible, or about which more is known."""
        if not self._announcements.is_said_by(utterance):
            self._requests.agent_began(utterance)

    def heard(self, utterance: Utterance, now: float, *, is_proven: bool) -> None:
        """Record that an utterance was played to its end. `is_proven` means that a mark has confirmed the end."""
        if self._announcements.is_said_by(utterance):
            self._announcements.finished(utterance, now, is_proven=is_proven)
        else:
            self._is_greeted = True
            self._requests.agent_finished(utterance)

    def add(self, text: str) -> None:
        """Add a text from outside that the agent should say."""
        self._texts.append(text)

    def take_greeting(self) -> FixedText:
        """Return the greeting, which is said now.

        The greeting of a resumed call is an apology, and not part of the transcript while the caller still waits for an
        answer.
        """
        self.is_greeting_due = False
        is_answer_next = self._is_resumed and bool(self.is_answer_due or self._tools.new_results)
        return FixedText(self._greeting, not is_answer_next, self._interruptible)

    def take_announcement(self, now: float, *, is_caller_heard: bool) -> FixedText | None:
        """Return the announcement that is said now, whoever speaks, or None if none is due yet."""
        text = self._announcements.next_text(now, is_caller_heard=is_caller_heard)
        return FixedText(text, interruptible=False, is_announcement=True) if text else None

    def take_text(self) -> FixedText | None:
        """Return the text to say next if nobody speaks, or None.

        The greeting comes first, unless the agent waits for the caller. Texts from outside come after the answers that
        are due.
        """
        if self.is_greeting_due and not self._waits_for_caller:
            return self.take_greeting()
        if self.is_answer_due or self._tools.new_results or not self._texts:
            return None
        return FixedText(self._texts.popleft())

    def reply_to_turn(self, text: str, now: float) -> FixedText | None:
        """Return what to say to a turn of the caller, or None if the model answers.

        It may be an announcement that the turn preceded, the result of a request of the caller, or the greeting.
        """
        words = self._requests.read_turn(text, now)
        self._repeat_greeting(words)
        one = self._reply(words, now)
        is_answered = bool(words) and not self._requests.has_more(text)
        self.is_answer_due = one is not None and not is_answered and not self.is_greeting_due
        if one is None:
            self._is_greeted = True
            return self.take_greeting() if self.is_greeting_due else None
        return one

    def is_for_model(self, text: str) -> bool:
        """Return whether the model would probably answer a turn with this text, which has not ended yet."""
        is_answered = not self.is_opening and not self._requests.has_ended_call
        return is_answered and not self._requests.is_made_by(text)

    def reply_to_keys(self, keys: str, now: float) -> FixedText | None:
        """Return what to say to keys that are a request to the call, or None if they are a turn of the caller."""
        words = self._requests.read_keys(keys, now)
        self._repeat_greeting(words)
        return self._reply(words, now) if words else None

    def is_request(self, keys: str) -> bool:
        """Return whether keys are a request to the call."""
        return self._requests.is_request(keys)

    def _repeat_greeting(self, words: str) -> None:
        """Repeat a greeting that a refusal cut off, because without it the caller would not know what to talk about.

        A person who does not want to be called again does not get it.
        """
        if self._requests.has_opted_out:
            self.is_greeting_due = False
        elif words and not self._is_greeted and not self._requests.has_ended_call:
            self.is_greeting_due = bool(self._greeting)

    def _reply(self, words: str, now: float) -> FixedText | None:
        """Return the words, or an announcement that precedes them."""
        self._announcements.callee_spoke()
        self._waits_for_caller = False
        announcement = None if self._requests.has_ended_call else self.take_announcement(now, is_caller_heard=False)
        if announcement is not None and words:
            self.add(words)
        return announcement or (FixedText(words) if words else None)
