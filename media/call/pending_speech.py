"""The queue of texts that the agent says without asking the model, and their order."""

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
    """A text that the agent says. in_transcript: the model is told of it. interruptible: the caller may interrupt.
    is_secret: events have it without its figures."""

    text: str
    in_transcript: bool = True
    interruptible: bool = True
    is_announcement: bool = False
    is_secret: bool = False


class PendingSpeech:
    """is_answer_due: to what the caller said before the call was lost, or before an announcement. is_greeting_due: it
    was not said yet, or cut off by a refusal. Times are in ms on the call's clock."""

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
        """tools: which may have results that the caller does not know yet."""
        self._announcements, self._tools = announcements, tools
        self._requests = CallerRequests(plan, consent, announcements, termination, language, emit)
        self._greeting = plan.agent.greeting
        self._waits_for_caller = plan.resume is None and plan.first_message == "wait_for_caller"
        self._interruptible = plan.greeting_interruptible or plan.resume is not None
        self._is_resumed = plan.resume is not None
        self._texts: deque[str] = deque()  # from outside
        self._is_greeted = False
        self.is_greeting_due = bool(plan.agent.greeting)
        self.is_answer_due = False

    @property
    def has_announcements(self) -> bool:
        """Whether an announcement is still to be said, or is being said: nothing else is said before its end."""
        return self._announcements.are_due

    @property
    def is_opening(self) -> bool:
        """Whether an announcement or the greeting is still to be said."""
        return self.has_announcements or self.is_greeting_due

    def began(self, utterance: Utterance) -> None:
        """An utterance has become audible, or more is known of it."""
        if not self._announcements.is_said_by(utterance):
            self._requests.agent_began(utterance)

    def heard(self, utterance: Utterance, now: float, *, is_proven: bool) -> None:
        """An utterance was played to its end. is_proven: a mark has shown it."""
        if self._announcements.is_said_by(utterance):
            self._announcements.finished(utterance, now, is_proven=is_proven)
        else:
            self._is_greeted = True
            self._requests.agent_finished(utterance)

    def add(self, text: str) -> None:
        """The agent is to say a text from outside."""
        self._texts.append(text)

    def take_greeting(self) -> FixedText:
        """The greeting, which is said now. That of a resumed call is an apology, and no part of the transcript while
        the caller still waits for an answer."""
        self.is_greeting_due = False
        is_answer_next = self._is_resumed and bool(self.is_answer_due or self._tools.new_results)
        return FixedText(self._greeting, not is_answer_next, self._interruptible)

    def take_announcement(self, now: float, *, is_caller_heard: bool) -> FixedText | None:
        """The announcement that is said now, whoever speaks; None for none yet."""
        text = self._announcements.next_text(now, is_caller_heard=is_caller_heard)
        return FixedText(text, interruptible=False, is_announcement=True) if text else None

    def take_text(self) -> FixedText | None:
        """The text that is said next if nobody speaks: the greeting, unless the agent waits for the caller; then those
        from outside, behind the answers that are due. None while there is none."""
        if self.is_greeting_due and not self._waits_for_caller:
            return self.take_greeting()
        if self.is_answer_due or self._tools.new_results or not self._texts:
            return None
        return FixedText(self._texts.popleft())

    def reply_to_turn(self, text: str, now: float) -> FixedText | None:
        """What is said to a turn of the caller's: an announcement that the turn came before, what was done because the
        caller asked for it, or the greeting. None: the model answers."""
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
        """Whether the model would answer a turn with this text, as far as is known before it ends."""
        is_answered = not self.is_opening and not self._requests.has_ended_call
        return is_answered and not self._requests.is_made_by(text)

    def reply_to_keys(self, keys: str, now: float) -> FixedText | None:
        """What is said to keys that ask for something of the call; None: they are a turn of the caller's."""
        words = self._requests.read_keys(keys, now)
        self._repeat_greeting(words)
        return self._reply(words, now) if words else None

    def is_request(self, keys: str) -> bool:
        """Whether keys ask for something of the call."""
        return self._requests.is_request(keys)

    def _repeat_greeting(self, words: str) -> None:
        """A refusal that cut the greeting off is no answer to it: without it nobody would say what to talk about. Who
        does not want to be called again does not want to hear it."""
        if self._requests.has_opted_out:
            self.is_greeting_due = False
        elif words and not self._is_greeted and not self._requests.has_ended_call:
            self.is_greeting_due = bool(self._greeting)

    def _reply(self, words: str, now: float) -> FixedText | None:
        """The words, or an announcement before them."""
        self._announcements.callee_spoke()
        self._waits_for_caller = False
        announcement = None if self._requests.has_ended_call else self.take_announcement(now, is_caller_heard=False)
        if announcement is not None and words:
            self.add(words)
        return announcement or (FixedText(words) if words else None)
