"""Computes the next reply from the dialogue state, the question that the caller heard last, and the caller's turn.
Pure."""

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from media.providers.receptionist import intake, phrases
from media.providers.receptionist.dialogue_state import (
    DialogueState,
    Question,
    ReadBack,
    ReceptionistReply,
    heard_question,
    repeat_text,
)
from media.providers.receptionist.facts import extract_business_name, extract_facts
from media.providers.receptionist.free_times import CHECK_AVAILABILITY, say_free_times
from media.providers.receptionist.intake import Step
from media.providers.receptionist.intent import CallerUtterance
from media.providers.receptionist.quotation import SEARCH_KNOWLEDGE, quote_passage
from media.providers.receptionist.retrieval import FactIndex, FactMatch, content_words
from media.providers.receptionist.rules import FREE_TIMES, Intent

TAKE_MESSAGE: Final = "take_message"
# A statement of this many words, without greetings, becomes a message when no rule applies.
STATEMENT_WORDS: Final = 4
# While a message is expected, a longer utterance is the message, regardless of its intent.
ASIDE_WORDS: Final = 9
# The number of words of the last questions that are kept for a follow-up question.
MAX_TOPIC_WORDS: Final = 8

# The maximum number of characters of a question that the tool accepts.
_LONGEST_QUERY: Final = 500

_SMALL_TALK: Final = {
    Intent.ROBOT: phrases.ROBOT,
    Intent.ABILITIES: phrases.ROBOT,
    Intent.HOW_ARE_YOU: phrases.FINE,
    Intent.THERE: phrases.HERE,
    Intent.HELLO: phrases.HELLO,
}
_ASIDES: Final = frozenset(
    [
        *(Intent.GOODBYE, Intent.REPEAT, Intent.PERSON, Intent.WAIT, Intent.THERE),
        *(Intent.ROBOT, Intent.WHO, Intent.HOW_ARE_YOU),
    ]
)
_HANDLERS: Final = {
    Question.MESSAGE: intake.handle_message,
    Question.CONFIRM: intake.handle_confirmation,
    Question.CONTACT: intake.handle_contact,
    Question.SLOTS: intake.handle_slots,
}


@dataclass(frozen=True, slots=True)
class PromptKnowledge:
    """The facts and the business name in one agent's prompt."""

    index: FactIndex
    business_name: str

    @classmethod
    def from_prompt(cls, prompt: str) -> "PromptKnowledge":
        """Parse a prompt. This takes some milliseconds for a page of facts, so cache the result."""
        return cls(FactIndex(extract_facts(prompt)), extract_business_name(prompt))


class Dialogue:
    """The dialogue of one agent.

    Args:
        knowledge: The agent's facts.
        tools: The names of the tools that may be called.
    """

    def __init__(self, knowledge: PromptKnowledge, tools: Set[str]) -> None:
        self._knowledge = knowledge
        self._tools = tools

    def step(self, state: DialogueState, heard: str, said: str) -> Step:
        """Answer one turn.

        Args:
            heard: The text that the caller heard since the last turn.
            said: The caller's turn.
        """
        utterance = CallerUtterance(" ".join(said.split()))
        question = heard_question(state.last, heard)
        if repeat_text(state.last, heard) != state.last.text:
            state = replace(state, unplaced="")  # the caller heard a reply of another provider
        if utterance.intent is Intent.UNCLEAR:
            state, reply = self._unclear(state, question)
        elif utterance.intent is Intent.REPEAT and (before := repeat_text(state.last, heard)):
            reply = ReceptionistReply(before, question)
        else:
            unplaced = state.unplaced
            state, reply = self._understood(replace(state, unclear_turns=0), question, utterance)
            if state.unplaced == unplaced:
                state = replace(state, unplaced="")
        reply = self._with_tool(reply)
        return replace(state, last=reply), reply

    def _with_tool(self, reply: ReceptionistReply) -> ReceptionistReply:
        """Call the tool that stores the confirmed data first, if the agent has it, because its result decides the
        reply."""
        if not reply.noted or TAKE_MESSAGE not in self._tools:
            return reply
        return replace(reply, text="", tool=TAKE_MESSAGE, arguments=reply.noted)

    def message_taken(self, last: str) -> ReceptionistReply:
        """Return the reply after a message was stored.

        Args:
            last: The caller's turn before that.
        """
        utterance = CallerUtterance(" ".join(last.split()))
        if utterance.intent is Intent.GOODBYE or "bye" in utterance.words:
            return ReceptionistReply(f"{phrases.PASSED_ON} {phrases.GOODBYE}", tool=self._end_call)
        return ReceptionistReply(phrases.NOTED, Question.ELSE)

    def knowledge_found(self, last: str, result: str) -> ReceptionistReply:
        """Return the reply after a search of the documents.

        Args:
            last: The caller's question.
            result: The tool's result.
        """
        words = content_words(CallerUtterance(" ".join(last.split())).words)
        if quoted := quote_passage(result, words):
            return ReceptionistReply(_with_full_stop(quoted))
        return ReceptionistReply(phrases.DONT_KNOW, Question.OFFER)

    def free_times_found(self, result: str) -> ReceptionistReply:
        """Return the reply after a search of the calendar.

        Args:
            result: The tool's result.
        """
        if said := say_free_times(result):
            return ReceptionistReply(f"{said} {phrases.DAY_AND_TIME}", Question.SLOTS)
        return ReceptionistReply(
            phrases.NO_FREE_TIME if "no free time" in result else phrases.NO_CALENDAR, Question.OFFER
        )

    def greeting(self) -> ReceptionistReply:
        """Return the reply to an empty conversation."""
        return ReceptionistReply(f"Hello. {phrases.this_is(self._knowledge.business_name)} {phrases.HELP}")

    def _understood(self, state: DialogueState, question: Question, utterance: CallerUtterance) -> Step:
        handle = _HANDLERS.get(question)
        if handle is None or (question is Question.CONFIRM and not _has_unconfirmed(state)):
            return self._without_intake(state, question, utterance)
        if question is Question.CONFIRM and utterance.yes and len(CallerUtterance(utterance.rest).core) < 2:
            return self._goodbye(state) if "bye" in utterance.words else handle(state, utterance)
        if self._is_aside(utterance):
            return self._by_intent(state, question, utterance) or handle(state, utterance)
        return self._aside_question(state, question, utterance) or handle(state, utterance)

    def _is_aside(self, utterance: CallerUtterance) -> bool:
        return utterance.intent in _ASIDES and len(utterance.words) <= ASIDE_WORDS

    def _aside_question(self, state: DialogueState, question: Question, utterance: CallerUtterance) -> Step | None:
        """Answer a question from the facts during an intake. Returns None for other utterances."""
        if not utterance.is_question or utterance.yes or utterance.no or len(utterance.words) > ASIDE_WORDS:
            return None
        if utterance.intent not in (Intent.OTHER, Intent.CHANGE):
            return None
        answered = self._answer(state, utterance)
        return (answered[0], self._then_ask(answered[1].text, state, question)) if answered else None

    def _without_intake(self, state: DialogueState, question: Question, utterance: CallerUtterance) -> Step:
        """Answer outside an intake. An offer may be open."""
        if question in (Question.OFFER, Question.ELSE) and (utterance.yes or utterance.no):
            if utterance.intent is Intent.OTHER and not utterance.rest:
                return self._answer_offer(state, question, yes=utterance.yes)
            if utterance.rest:
                utterance = CallerUtterance(utterance.rest)
        if CHECK_AVAILABILITY in self._tools and utterance.is_question and FREE_TIMES.search(utterance.line):
            return state, ReceptionistReply("", tool=CHECK_AVAILABILITY)
        return self._by_intent(state, question, utterance) or self._by_facts_or_message(state, question, utterance)

    def _answer_offer(self, state: DialogueState, question: Question, *, yes: bool) -> Step:
        if question is Question.OFFER:
            return (state, ReceptionistReply(phrases.TAKE_MESSAGE, Question.MESSAGE)) if yes else intake.discard(state)
        return (state, ReceptionistReply(phrases.HELP)) if yes else self._goodbye(state)

    def _by_intent(self, state: DialogueState, question: Question, utterance: CallerUtterance) -> Step | None:
        """Answer an intent that a rule handles in any state. Returns None for other intents."""
        intent = utterance.intent
        if intent in _SMALL_TALK:
            return state, self._then_ask(_SMALL_TALK[intent], state, question)
        if intent is Intent.WAIT:
            return state, ReceptionistReply(phrases.TAKE_YOUR_TIME, question)
        if intent is Intent.WHO:
            return state, self._then_ask(phrases.this_is(self._knowledge.business_name), state, question)
        handlers: dict[Intent, Callable[[], Step]] = {
            Intent.GOODBYE: lambda: self._goodbye(state),
            Intent.PERSON: lambda: self._person(state),
            Intent.THANKS: lambda: (state, ReceptionistReply(phrases.THANKS, Question.ELSE)),
            Intent.NEVER_MIND: lambda: intake.discard(state),
            Intent.MESSAGE: lambda: intake.start_message(state, utterance),
            Intent.CHANGE: lambda: self._change(state, utterance),
            Intent.APPOINTMENT: lambda: intake.start_appointment(state, utterance),
        }
        return handlers[intent]() if intent in handlers else None

    def _by_facts_or_message(self, state: DialogueState, question: Question, utterance: CallerUtterance) -> Step:
        """Answer an utterance without a rule from the facts, or take it as a message."""
        answered = self._answer(state, utterance)
        if answered:
            return answered
        if (utterance.yes or utterance.no) and not utterance.rest:
            reply = ReceptionistReply(phrases.HELP)
            return state, reply if utterance.yes else ReceptionistReply(phrases.ELSE, Question.ELSE)
        is_statement = not utterance.is_question and len(utterance.core) >= STATEMENT_WORDS
        if is_statement or utterance.is_long:
            continues = question is not Question.OFFER or state.last.text == phrases.DONT_UNDERSTAND
            said = f"{state.unplaced} {utterance.text}".strip() if continues else utterance.text
            return intake.read_back(replace(state, unplaced=""), said, before=phrases.TAKE_STATEMENT)
        if utterance.is_question and SEARCH_KNOWLEDGE in self._tools:
            query = ReceptionistReply("", tool=SEARCH_KNOWLEDGE, arguments={"query": utterance.text[:_LONGEST_QUERY]})
            return replace(state, unplaced=utterance.text), query
        text = phrases.DONT_KNOW if utterance.is_question else phrases.DONT_UNDERSTAND
        return replace(state, unplaced=utterance.text), ReceptionistReply(text, Question.OFFER)

    def _answer(self, state: DialogueState, utterance: CallerUtterance) -> Step | None:
        """Answer from the facts. Returns None if no fact fits. A follow-up is searched together with the previous
        question."""
        search_words = content_words(utterance.words)
        search = partial(self._knowledge.index.search, search_words, two_questions=utterance.is_double)
        is_follow_up = utterance.is_follow_up or len(search_words) == 1
        match = FactMatch() if utterance.is_follow_up else search(is_question=utterance.is_question)
        if not match.facts and is_follow_up:
            match = search(state.topic, is_question=True)
        if not match.facts:
            return None
        text = " ".join(_with_full_stop(fact.sentence) for fact in match.facts)
        topic = (*search_words, *(state.topic if utterance.is_follow_up else ()))
        return replace(state, topic=topic[:MAX_TOPIC_WORDS]), ReceptionistReply(text)

    def _change(self, state: DialogueState, utterance: CallerUtterance) -> Step:
        """Answer a question about changing an appointment from the facts, or take it as a message, because appointments
        cannot be changed here."""
        answered = self._answer(state, utterance) if utterance.is_question else None
        if answered:
            return answered[0], ReceptionistReply(f"{answered[1].text} {phrases.OFFER}", Question.OFFER)
        return intake.read_back(state, utterance.text, before=phrases.TAKE_STATEMENT)

    def _person(self, state: DialogueState) -> Step:
        if "transfer" in self._tools:
            return state, ReceptionistReply(phrases.TRANSFER, tool="transfer")
        return state, ReceptionistReply(phrases.NO_PERSON, Question.MESSAGE)

    def _goodbye(self, state: DialogueState) -> Step:
        noted = intake.describe_noted(state) if _has_unconfirmed(state) else {}
        text = f"{phrases.PASSED_ON} {phrases.GOODBYE}" if noted else phrases.GOODBYE
        return DialogueState(), ReceptionistReply(text, tool=self._end_call, noted=noted)

    @property
    def _end_call(self) -> str:
        return "end_call" if "end_call" in self._tools else ""

    def _unclear(self, state: DialogueState, question: Question) -> Step:
        text = phrases.UNCLEAR[min(state.unclear_turns, len(phrases.UNCLEAR) - 1)]
        is_last_try = state.unclear_turns >= len(phrases.UNCLEAR) - 1
        reply = ReceptionistReply(text, Question.MESSAGE if is_last_try else question)
        return replace(state, unclear_turns=state.unclear_turns + 1), reply

    def _then_ask(self, text: str, state: DialogueState, question: Question) -> ReceptionistReply:
        """Return the reply to an aside, followed by the question that is still open."""
        slots = state.slots
        questions = {
            Question.NOTHING: phrases.HELP,
            Question.MESSAGE: phrases.STILL_MESSAGE,
            Question.CONFIRM: phrases.STILL_RIGHT,
            Question.CONTACT: phrases.CONTACT,
            Question.SLOTS: phrases.ask_slot(slots.day, slots.time) if slots else phrases.DAY_AND_TIME,
            Question.OFFER: phrases.OFFER,
            Question.ELSE: phrases.ELSE,
        }
        return ReceptionistReply(f"{text} {questions[question]}", question)


def _has_unconfirmed(state: DialogueState) -> bool:
    """Whether the state holds data that the caller has not confirmed."""
    is_contact = state.confirming is ReadBack.CONTACT and bool(state.contact)
    return bool(state.draft) or is_contact or (state.slots is not None and bool(state.slots.day and state.slots.time))


def _with_full_stop(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
