"""The language of a call: the agent's main language, until the caller switches to another one that the agent speaks."""

from collections.abc import Sequence

from media.call.language_codes import base_language
from media.call.phrases import Phrases, has_phrases, phrases_in
from media.turn.language_rule import LanguageRule
from shared.plan import CallPlan, LanguagePlan


class CallLanguage:
    """The call's language. Parts of the call read it here when they need it, or the conversation notifies them.

    Attributes:
        tags: All languages that the call may use (BCP 47), the agent's main one first.
    """

    def __init__(self, languages: Sequence[LanguagePlan], current: str = "") -> None:
        """Create the state. `languages` begin with the agent's main one. `current` is the first language if it is
        another one."""
        self._plans = {
            base_language(language.language): language for language in reversed(languages)
        }  # the first of the languages with the same base wins
        self._main = languages[0]
        self.tags = tuple(language.language for language in languages)
        begun = base_language(current)
        self._rule = LanguageRule(self._plans, begun if begun in self._plans else base_language(self._main.language))
        self._spoken, self._turn = "", 0  # the language that the recognizer reported, and the turn

    @property
    def tag(self) -> str:
        """The language of the call (BCP 47)."""
        return self._plan.language

    @property
    def is_main(self) -> bool:
        """Whether the call is in the agent's main language."""
        return self._plan is self._main

    @property
    def phrases(self) -> Phrases:
        """The fixed sentences."""
        return phrases_in(self.tag)

    @property
    def goodbye(self) -> str:
        """The agent's last words."""
        own = self._plan.goodbye
        if own or self.is_main:
            return own
        return self.phrases.goodbye if has_phrases(self.tag) else self._main.goodbye

    @property
    def others(self) -> Sequence[str]:
        """The other languages that the call may use."""
        return [tag for tag in self.tags if tag != self.tag]

    def heard(self, turn: int, spoken: str) -> None:
        """Record the language of a final text.

        Args:
            turn: The floor's number of the turn.
            spoken: The text's language as the recognizer reported it. If it is empty, an earlier report in the turn
                stays valid.
        """
        is_same_turn = turn == self._turn
        self._turn, self._spoken = turn, base_language(spoken) or (self._spoken if is_same_turn else "")

    def preview(self, turn: int, text: str, *, is_dictated: bool) -> str:
        """Return the language that the call will have if a turn of the caller ends with this text (`take_turn`)."""
        return self._plans[self._rule.preview(turn, self._told(turn), text, is_dictated=is_dictated).current].language

    def take_turn(self, turn: int, text: str, *, is_dictated: bool) -> str:
        """Update the call's language after a turn of the caller has ended, perhaps for the second time.

        Args:
            turn: The floor's number of the turn.
            text: All words of the turn.
            is_dictated: As in `hear_turn`.

        Returns:
            The previous language if the language changes now, else an empty text.
        """
        before = self.tag
        self._rule.take_turn(turn, self._told(turn), text, is_dictated=is_dictated)
        return "" if self.tag == before else before

    def _told(self, turn: int) -> str:
        return self._spoken if turn == self._turn else ""

    @property
    def _plan(self) -> LanguagePlan:
        return self._plans[self._rule.current]


def plan_language(plan: CallPlan) -> CallLanguage:
    """Return the language in which a call begins or resumes."""
    main = LanguagePlan(plan.agent.language, plan.agent.goodbye)
    return CallLanguage((main, *plan.languages), plan.resume.language if plan.resume else "")
