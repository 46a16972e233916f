"""One step of the conversation: what the caller said, after what was asked, leads to the next words. Pure."""

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from media.providers.receptionist import phrases, taking
from media.providers.receptionist.facts import business_of, facts_of
from media.providers.receptionist.intent import Utterance
from media.providers.receptionist.retrieval import Found, Index, telling
from media.providers.receptionist.rules import Intent
from media.providers.receptionist.state import Asks, Noted, Reply, State, again, asked
from media.providers.receptionist.taking import Step

# A statement of so many words, greetings not counted, is taken for a message when nothing else fits.
STATEMENT_WORDS: Final = 4
# While a message is awaited, a longer utterance is the message whatever it sounds like.
ASIDE_WORDS: Final = 9
# So many words of the last questions are remembered for one that leans on them.
MOST_TOPIC: Final = 8

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
_TAKING: Final = {
    Asks.MESSAGE: taking.on_message,
    Asks.CONFIRM: taking.on_confirm,
    Asks.CONTACT: taking.on_contact,
    Asks.SLOTS: taking.on_slots,
}


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What one agent's prompt tells."""

    index: Index
    business: str

    @classmethod
    def of(cls, prompt: str) -> "Knowledge":
        """Reads a prompt. Takes some milliseconds for a page of facts: keep the result."""
        return cls(Index(facts_of(prompt)), business_of(prompt))


class Dialogue:
    """Steps through a conversation. tools: the names of those that may be called."""

    def __init__(self, knowledge: Knowledge, tools: Set[str]) -> None:
        self._knowledge = knowledge
        self._tools = tools

    def step(self, state: State, heard: str, said: str) -> Step:
        """heard: what the caller heard since the last turn. said: the caller's turn."""
        utterance = Utterance(" ".join(said.split()))
        was_asked = asked(state.last, heard)
        if again(state.last, heard) != state.last.text:
            state = replace(state, loose="")  # somebody else has answered that
        if utterance.intent is Intent.UNCLEAR:
            state, reply = self._unclear(state, was_asked)
        elif utterance.intent is Intent.REPEAT and (before := again(state.last, heard)):
            reply = Reply(before, was_asked)
        else:
            loose = state.loose
            state, reply = self._understood(replace(state, unclear=0), was_asked, utterance)
            if state.loose == loose:
                state = replace(state, loose="")
        return replace(state, last=reply), reply

    def greet(self) -> Reply:
        """Nobody has said anything yet."""
        return Reply(f"Hello. {phrases.this_is(self._knowledge.business)} {phrases.HELP}")

    def _understood(self, state: State, was_asked: Asks, utterance: Utterance) -> Step:
        take = _TAKING.get(was_asked)
        if take is None or (was_asked is Asks.CONFIRM and not _is_taking(state)):
            return self._open(state, was_asked, utterance)
        if was_asked is Asks.CONFIRM and utterance.yes and len(Utterance(utterance.rest).core) < 2:
            return self._goodbye(state) if "bye" in utterance.words else take(state, utterance)
        if self._is_aside(utterance):
            return self._known(state, was_asked, utterance) or take(state, utterance)
        return self._aside_question(state, was_asked, utterance) or take(state, utterance)

    def _is_aside(self, utterance: Utterance) -> bool:
        return utterance.intent in _ASIDES and len(utterance.words) <= ASIDE_WORDS

    def _aside_question(self, state: State, was_asked: Asks, utterance: Utterance) -> Step | None:
        """A question that the facts answer, while something else is being taken down."""
        if not utterance.is_question or utterance.yes or utterance.no or len(utterance.words) > ASIDE_WORDS:
            return None
        if utterance.intent not in (Intent.OTHER, Intent.CHANGE):
            return None
        answered = self._answer(state, utterance)
        return (answered[0], self._and_ask(answered[1].text, state, was_asked)) if answered else None

    def _open(self, state: State, was_asked: Asks, utterance: Utterance) -> Step:
        """Nothing is being taken down; the caller may have been offered something."""
        if was_asked in (Asks.OFFER, Asks.ELSE) and (utterance.yes or utterance.no):
            if utterance.intent is Intent.OTHER and not utterance.rest:
                return self._decided(state, was_asked, yes=utterance.yes)
            if utterance.rest:
                utterance = Utterance(utterance.rest)
        return self._known(state, was_asked, utterance) or self._other(state, was_asked, utterance)

    def _decided(self, state: State, was_asked: Asks, *, yes: bool) -> Step:
        if was_asked is Asks.OFFER:
            return (state, Reply(phrases.TAKE_MESSAGE, Asks.MESSAGE)) if yes else taking.dropped(state)
        return (state, Reply(phrases.HELP)) if yes else self._goodbye(state)

    def _known(self, state: State, was_asked: Asks, utterance: Utterance) -> Step | None:
        """What is done whenever the caller says it."""
        intent = utterance.intent
        if intent in _SMALL_TALK:
            return state, self._and_ask(_SMALL_TALK[intent], state, was_asked)
        if intent is Intent.WAIT:
            return state, Reply(phrases.TAKE_YOUR_TIME, was_asked)
        if intent is Intent.WHO:
            return state, self._and_ask(phrases.this_is(self._knowledge.business), state, was_asked)
        handlers: dict[Intent, Callable[[], Step]] = {
            Intent.GOODBYE: lambda: self._goodbye(state),
            Intent.PERSON: lambda: self._person(state),
            Intent.THANKS: lambda: (state, Reply(phrases.THANKS, Asks.ELSE)),
            Intent.NEVER_MIND: lambda: taking.dropped(state),
            Intent.MESSAGE: lambda: taking.message(state, utterance),
            Intent.CHANGE: lambda: self._change(state, utterance),
            Intent.APPOINTMENT: lambda: taking.appointment(state, utterance),
        }
        return handlers[intent]() if intent in handlers else None

    def _other(self, state: State, was_asked: Asks, utterance: Utterance) -> Step:
        """No rule knows it: a question to the facts, or something to be passed on."""
        answered = self._answer(state, utterance)
        if answered:
            return answered
        if (utterance.yes or utterance.no) and not utterance.rest:
            return state, Reply(phrases.HELP) if utterance.yes else Reply(phrases.ELSE, Asks.ELSE)
        is_statement = not utterance.is_question and len(utterance.core) >= STATEMENT_WORDS
        if is_statement or utterance.is_long:
            goes_on = was_asked is not Asks.OFFER or state.last.text == phrases.DONT_UNDERSTAND
            said = f"{state.loose} {utterance.said}".strip() if goes_on else utterance.said
            return taking.read_back(replace(state, loose=""), said, before=phrases.TAKE_STATEMENT)
        text = phrases.DONT_KNOW if utterance.is_question else phrases.DONT_UNDERSTAND
        return replace(state, loose=utterance.said), Reply(text, Asks.OFFER)

    def _answer(self, state: State, utterance: Utterance) -> Step | None:
        """The facts that answer, if any do. A question may lean on the one before it."""
        question = telling(utterance.words)
        search = partial(self._knowledge.index.search, question, double=utterance.is_double)
        leans = utterance.leans_back or len(question) == 1
        found = Found() if utterance.leans_back else search(asked=utterance.is_question)
        if not found.facts and leans:
            found = search(state.topic, asked=True)
        if not found.facts:
            return None
        text = " ".join(_closed(fact.say) for fact in found.facts)
        topic = (*question, *(state.topic if utterance.leans_back else ()))
        return replace(state, topic=topic[:MOST_TOPIC]), Reply(text)

    def _change(self, state: State, utterance: Utterance) -> Step:
        """An appointment is to be moved or cancelled: nothing that can be done here, so it is passed on."""
        answered = self._answer(state, utterance) if utterance.is_question else None
        if answered:
            return answered[0], Reply(f"{answered[1].text} {phrases.OFFER}", Asks.OFFER)
        return taking.read_back(state, utterance.said, before=phrases.TAKE_STATEMENT)

    def _person(self, state: State) -> Step:
        if "transfer" in self._tools:
            return state, Reply(phrases.TRANSFER, tool="transfer")
        return state, Reply(phrases.NO_PERSON, Asks.MESSAGE)

    def _goodbye(self, state: State) -> Step:
        text = f"{phrases.PASSED_ON} {phrases.GOODBYE}" if _is_taking(state) else phrases.GOODBYE
        return State(), Reply(text, tool="end_call" if "end_call" in self._tools else "")

    def _unclear(self, state: State, was_asked: Asks) -> Step:
        text = phrases.UNCLEAR[min(state.unclear, len(phrases.UNCLEAR) - 1)]
        gives_up = state.unclear >= len(phrases.UNCLEAR) - 1
        return replace(state, unclear=state.unclear + 1), Reply(text, Asks.MESSAGE if gives_up else was_asked)

    def _and_ask(self, text: str, state: State, was_asked: Asks) -> Reply:
        """The answer to an aside, and then the question that is still open."""
        slots = state.slots
        questions = {
            Asks.NOTHING: phrases.HELP,
            Asks.MESSAGE: phrases.STILL_MESSAGE,
            Asks.CONFIRM: phrases.STILL_RIGHT,
            Asks.CONTACT: phrases.CONTACT,
            Asks.SLOTS: phrases.ask_slot(slots.day, slots.time) if slots else phrases.DAY_AND_TIME,
            Asks.OFFER: phrases.OFFER,
            Asks.ELSE: phrases.ELSE,
        }
        return Reply(f"{text} {questions[was_asked]}", was_asked)


def _is_taking(state: State) -> bool:
    """Something was noted that isn't settled."""
    is_contact = state.confirming is Noted.CONTACT and bool(state.contact)
    return bool(state.draft) or is_contact or (state.slots is not None and bool(state.slots.day and state.slots.time))


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
