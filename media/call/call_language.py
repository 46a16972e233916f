"""The language of a call: the agent's main language, until the caller switches to another one it speaks."""

from collections.abc import Sequence

from media.call.language_codes import base_language
from media.call.phrases import Phrases, has_phrases, phrases_in
from media.turn.language_rule import LanguageRule
from shared.plan import CallPlan, LanguagePlan


class CallLanguage:
    """Whatever depends on the language asks for it here when it is needed, or is notified by the conversation.

    tags: of all languages that the call may be in (BCP 47), the agent's main one first.
    """

    def __init__(self, languages: Sequence[LanguagePlan], current: str = "") -> None:
        """languages: the agent's main one first. current: that the call begins in, if it is not the main one."""
        self._plans = {
            base_language(language.language): language for language in reversed(languages)
        }  # the first of a base counts
        self._main = languages[0]
        self.tags = tuple(language.language for language in languages)
        begun = base_language(current)
        self._rule = LanguageRule(self._plans, begun if begun in self._plans else base_language(self._main.language))
        self._spoken, self._turn = "", 0  # of which turn, as the recognizer told it

    @property
    def tag(self) -> str:
        """The language that the call is in (BCP 47)."""
        return self._plan.language

    @property
    def is_main(self) -> bool:
        """Whether it is the agent's main one."""
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
        """Those that the call may be in, without the one that it is in."""
        return [tag for tag in self.tags if tag != self.tag]

    def heard(self, turn: int, spoken: str) -> None:
        """A final text came. turn: of the floor. spoken: the text's language as the recognizer told it; empty: it told
        none, and what was told earlier in the turn holds."""
        is_same_turn = turn == self._turn
        self._turn, self._spoken = turn, base_language(spoken) or (self._spoken if is_same_turn else "")

    def preview(self, turn: int, text: str, *, is_dictated: bool) -> str:
        """The language that the call will be in if a turn of the caller's ends with this text (`take_turn`)."""
        return self._plans[self._rule.preview(turn, self._told(turn), text, is_dictated=is_dictated).current].language

    def take_turn(self, turn: int, text: str, *, is_dictated: bool) -> str:
        """A turn of the caller's has ended, or was continued and has ended again. Returns the language before, if the
        call is in another one from now on, else "". turn: of the floor. text: all its words. is_dictated: as in
        `hear_turn`."""
        before = self.tag
        self._rule.take_turn(turn, self._told(turn), text, is_dictated=is_dictated)
        return "" if self.tag == before else before

    def _told(self, turn: int) -> str:
        return self._spoken if turn == self._turn else ""

    @property
    def _plan(self) -> LanguagePlan:
        return self._plans[self._rule.current]


def plan_language(plan: CallPlan) -> CallLanguage:
    """The language in which a call begins, or goes on."""
    main = LanguagePlan(plan.agent.language, plan.agent.goodbye)
    return CallLanguage((main, *plan.languages), plan.resume.language if plan.resume else "")
