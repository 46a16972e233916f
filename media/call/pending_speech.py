"""What the agent has still to say by itself, as soon as nobody speaks: its order."""

from collections import deque
from dataclasses import dataclass

from media.call.call_tools import CallTools
from shared.plan import CallPlan


@dataclass(frozen=True, slots=True)
class FixedText:
    """A text that the agent says. in_transcript: the model is told of it. interruptible: the caller may interrupt."""

    text: str
    in_transcript: bool = True
    interruptible: bool = True


class PendingSpeech:
    """is_answer_due: to what the caller said before the call was lost, or before an announcement.
    is_greeting_due: it was not said yet."""

    def __init__(self, plan: CallPlan, tools: CallTools) -> None:
        """tools: which may have results that the caller does not know yet."""
        self._tools = tools
        self._greeting = plan.agent.greeting
        self._waits_for_caller = plan.resume is None and plan.first_message == "wait_for_caller"
        self._interruptible = plan.greeting_interruptible or plan.resume is not None
        self._is_resumed = plan.resume is not None
        self._texts: deque[str] = deque()  # from outside
        self.is_greeting_due = bool(plan.agent.greeting)
        self.is_answer_due = False

    def add(self, text: str) -> None:
        """The agent is to say a text from outside."""
        self._texts.append(text)

    def take_greeting(self) -> FixedText:
        """The greeting, which is said now. That of a resumed call is an apology, and no part of the transcript while
        the caller still waits for an answer."""
        self.is_greeting_due = False
        is_answer_next = self._is_resumed and bool(self.is_answer_due or self._tools.news)
        return FixedText(self._greeting, not is_answer_next, self._interruptible)

    def take_text(self) -> FixedText | None:
        """The text that is said next if nobody speaks: the greeting, unless the agent waits for the caller; then those
        from outside, behind the answers that are due. None while there is none."""
        if self.is_greeting_due and not self._waits_for_caller:
            return self.take_greeting()
        if self.is_answer_due or self._tools.news or not self._texts:
            return None
        return FixedText(self._texts.popleft())
