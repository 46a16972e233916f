"""Utterances that public texts lack: answers, names, numbers, dates, addresses, e-mails, spelled words; made by a seed.

They are written for this purpose; the given and family names are common ones of no one in particular.
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from media.turn.expected_reply import ExpectedReply
from tools.completeness.corpus import Utterance

T = TypeVar("T")
_FIELD = re.compile(r"\{(\w+)\}")


def _words(text: str) -> list[str]:
    return text.split()


def _phrases(text: str) -> list[str]:
    return text.split("|")


_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_GIVEN = _words(
    "james mary john patricia robert jennifer michael linda david elizabeth william susan richard jessica joseph sarah "
    "thomas karen charles lisa daniel nancy maria anna peter laura sofia ahmed fatima wei priya carlos "
    "elena oliver emma"
)
_FAMILY = _words(
    "smith johnson williams brown jones garcia miller davis martinez lopez wilson anderson taylor moore jackson martin "
    "lee thompson white harris clark lewis walker hall young king wright scott green baker nelson carter "
    "khan patel novak"
)
_STREETS = _words("oak maple park high church station mill main cedar lake hill river king queen bridge elm")
_TOWNS = _words("london springfield manchester austin denver boston dublin leeds bristol portland york cambridge")
_KINDS = _words("street road avenue lane drive close")
_MONTHS = _words("january february march april may june july august september october november december")
_DAYS = _words("monday tuesday wednesday thursday friday saturday sunday")
_ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_HOURS = _words("one two three four five six seven eight nine ten eleven twelve")
_PEOPLE = _words("daughter son wife husband mother father boss friend partner colleague sister brother")
_MAILS = ("gmail dot com", "yahoo dot com", "outlook dot com", "example dot org", "hotmail dot co dot uk")
_YES = _phrases(
    "yes|yeah|yep|sure|okay|ok|correct|right|yes please|yes it is|yes i do|yes i am|that's right|that's correct|"
    "yes that's right|yes that's fine|yeah that's fine|yeah sure|of course|absolutely|that would be great|sounds good|"
    "that works|that works for me|perfect thank you|yes that would be great|i think so|yes i would"
)
_NO = _phrases(
    "no|nope|no thanks|no thank you|no it isn't|no i don't|no i'm not|not really|no that's it|no that's all|not yet|"
    "no that's all thank you|that's not right|no that's wrong|no i'd rather not|i don't think so|not at the moment"
)
_WHOLE = _phrases(
    "i'm not sure|i don't know|never mind|thank you|thanks a lot|thank you very much|goodbye|bye|hello|hi|"
    "hi there|good morning|excuse me|sorry|pardon|could you repeat that|can you say that again|what did you say|"
    "i didn't catch that|one moment|hold on|just a second|i forgot|i have no idea|it doesn't matter|"
    "any time|either one|"
    "whatever works|the first one|the second one|the cheaper one|the same as last time|as soon as possible|"
    "that's all|that's it|that's everything|speak to you later|can i speak to a person|i'd like to talk to someone"
)
_FOLLOWED = _phrases(
    "i'd like to|i want to|i need to|i would like to|can i|could you|can you|i'm calling to|i was wondering if i could|"
    "i'm trying to|do you know how i can|what do i need to do to|please|i think i should|we have to|let's"
)
_DEEDS = _phrases(
    "book a table|cancel my order|change my appointment|talk to someone|pay my bill|return a shirt|open an account|"
    "leave a message|see a doctor|make a payment|move my booking|find my package|ask about my invoice|get a refund|"
    "schedule a visit|rent a car|order a pizza|check my balance|reset my password|fix my heating|speak with sales"
)
_TAILS = _phrases(
    "for {day}|on {day}|for {date}|at {time}|for my {person}|with {given}|for two people|for {count}|"
    "for {count} people|to someone|about it|tomorrow|next week|please|"
    "on {day} at {time}|because it doesn't work|because i'm away|if that's possible|before {day}|as soon as you can|"
    "and then call me back|but i don't know how|from {town}|to {town}|in {town}"
)
_STATEMENTS = _phrases(
    "it's for my {person}|my name is {given} {family}|this is {given} {family}|i'm {given}|{given} {family}|"
    "it's {given} {family}|the {ordinal} would be fine|the {ordinal} of {month}|{month} {ordinal}|{day} at {time}|"
    "{day} morning would be good|around {time}|at {time} please|{time} in the afternoon|next {day}|on {day}|{day}|"
    "it was on {day}|i was born on {date}|i live in {town}|i live at {address}|it's {address}|{address}|in {town}|"
    "i'd like to go to {town}|from {town} to {town}|for {count} people|{count} of us|just {count}|{count} please|"
    "it broke last {day}|a table for {count}|a table for {count} at {time}|we are {count}|"
    "speak to someone|there are {count} of us|"
    "my {person} called you yesterday|i called on {day} but nobody answered|"
    "i can't come on {day}|i'm free after {time}|not before {time}|any day but {day}|it's about my order|"
    "it's about the invoice from {month}|the heating doesn't work|i was charged twice in {month}|i lost my card|"
    "could you tell {given} that i called|please ask {given} to call me back|i need it by {day}|"
    "i've been waiting since {day}"
)

_FIELDS = {
    "day": _DAYS,
    "month": _MONTHS,
    "ordinal": _ORDINALS,
    "person": _PEOPLE,
    "given": _GIVEN,
    "family": _FAMILY,
    "town": _TOWNS,
    "street": _STREETS,
    "kind": _KINDS,
    "count": _HOURS,
}
# What may be all that a caller says, whatever else often follows.
ANSWERS = frozenset(tuple(answer.split()) for answer in (*_YES, *_NO, *_WHOLE))


class SentenceGenerator:
    """Makes utterances, the same ones for the same seed."""

    def __init__(self, random_: random.Random) -> None:
        self._random = random_
        self._makers: tuple[tuple[Callable[[], str], ExpectedReply, int], ...] = (
            (lambda: self._choose(_YES), ExpectedReply.YES_NO, 4),
            (lambda: self._choose(_NO), ExpectedReply.YES_NO, 3),
            (lambda: f"{self._choose((*_YES, *_NO))} {self._fill(self._choose(_STATEMENTS))}", ExpectedReply.YES_NO, 2),
            (lambda: self._choose((*_YES, *_NO)), ExpectedReply.REPLY, 2),
            (lambda: self._choose(_WHOLE), ExpectedReply.REPLY, 4),
            (lambda: self._fill(self._choose(_STATEMENTS)), ExpectedReply.REPLY, 10),
            (self._request, ExpectedReply.REPLY, 8),
            (self._number, ExpectedReply.DIGITS, 6),
            (lambda: f"{self._lead('number')} {self._number()}", ExpectedReply.DIGITS, 3),
            (lambda: f"{self._lead('number')} {self._number()}", ExpectedReply.REPLY, 3),
            (lambda: self._digits(self._choose((4, 4, 6, 8))), ExpectedReply.CODE, 4),
            (self._email, ExpectedReply.EMAIL, 4),
            (lambda: f"{self._lead('email')} {self._email()}", ExpectedReply.EMAIL, 2),
            (self._spelled, ExpectedReply.SPELLING, 4),
            (self._message, ExpectedReply.MESSAGE, 4),
        )

    def utterances(self, count: int) -> list[Utterance]:
        weights = [weight for _, _, weight in self._makers]
        chosen = self._random.choices(self._makers, weights, k=count)
        return [Utterance(tuple(make().split()), asked) for make, asked, _ in chosen]

    def _choose(self, values: Sequence[T]) -> T:
        return self._random.choice(values)

    def _fill(self, template: str) -> str:
        return _FIELD.sub(lambda field: self._field(field[1]), template)

    def _field(self, name: str) -> str:
        match name:
            case "address":
                return self._fill(f"{self._digits(self._choose((1, 2)))} {{street}} {{kind}}")
            case "date":
                return self._fill(
                    self._choose(("{month} {ordinal}", "the {ordinal} of {month}", "{ordinal} of {month}"))
                )
            case "time":
                return self._choose(_HOURS) + self._choose(("", "", " thirty", " fifteen", " o'clock", " pm", " am"))
            case _:
                return self._choose(_FIELDS[name])

    def _request(self) -> str:
        tail = f" {self._fill(self._choose(_TAILS))}" if self._random.random() < 0.5 else ""
        return f"{self._choose(_FOLLOWED)} {self._choose(_DEEDS)}{tail}"

    def _lead(self, thing: str) -> str:
        return self._choose(("it's", f"my {thing} is", f"the {thing} is", "yes it's", "sure it's", "okay"))

    def _number(self) -> str:
        return self._digits(self._choose((7, 10, 10, 10, 10, 11, 11, 16, 16, 8, 9)))

    def _digits(self, count: int) -> str:
        """As words, as figures one by one, or as figures in groups of 2-4, as recognizers write them."""
        figures = [self._random.randrange(10) for _ in range(count)]
        form = self._random.randrange(3)
        if form == 0:
            return " ".join("oh" if not each and self._random.random() < 0.5 else _DIGITS[each] for each in figures)
        if form == 1:
            return " ".join(map(str, figures))
        groups, rest = [], "".join(map(str, figures))
        while rest:
            size = self._choose((2, 3, 3, 4))
            groups.append(rest[:size])
            rest = rest[size:]
        return " ".join(groups)

    def _email(self) -> str:
        name = self._choose(
            ("{given} dot {family}", "{given}", "{family}", "{given} {family}", "{given} underscore {family}")
        )
        digits = f" {self._digits(2)}" if self._random.random() < 0.2 else ""
        return f"{self._fill(name)}{digits} at {self._choose(_MAILS)}"

    def _spelled(self) -> str:
        name = self._choose((*_GIVEN, *_FAMILY))
        lead = self._choose(("", "", "it's ", "that's ", f"{name} "))
        return lead + " ".join(name)

    def _message(self) -> str:
        parts = [self._fill(self._choose((*_STATEMENTS, *_WHOLE))), self._request()]
        self._random.shuffle(parts)
        lead = self._choose(("", "please tell him that ", "just tell her that ", "yes hi "))
        return lead + " ".join(parts)
