"""Derives from the agent's words what kind of reply to expect.

English only; in other languages every reply is a REPLY.
"""

import re
from enum import StrEnum


class ExpectedReply(StrEnum):
    """The likely kind of the caller's next words."""

    REPLY = "reply"
    YES_NO = "yes_no"
    DIGITS = "digits"  # a long number: phone, account, card
    CODE = "code"  # a short number: postal code, PIN, the last four digits
    EMAIL = "email"
    SPELLING = "spelling"
    MESSAGE = "message"


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(" + "|".join(patterns) + r")\b")


_SENTENCE = re.compile(r"(?:[^.!?]|[.!?](?=\w))+[.!?]*")
_REQUEST = _any(
    "please|tell me|give me|go ahead|enter|spell|leave",
    "let me (have|know)|i('ll| will| would|'d)? (just |also )?(need|like)|what('s| is)",
)
_CONFIRMS = re.compile(
    r"\b(is|was|sounds?) (that|this|it|everything) (all )?(right|correct|ok|okay|good)\b|"
    r"\b(correct|right)\?|\bdid i get that\b"
)
_READS_BACK = re.compile(r"\d[\d -]+\d")
_OFFERS = _any(
    "(?<!what )would you like|(?<!what )do you (want|have|need|know)|shall i|(?<!what )should i|is (this|that|it)",
    "are you|have you got|can i take|do i have",
)
_TOPICS = (
    (ExpectedReply.SPELLING, _any("spell", "spelling", "letter by letter")),
    (ExpectedReply.EMAIL, _any("e-?mail")),
    (ExpectedReply.CODE, _any("(zip|postal|post) ?code|pin|passcode|verification code|last (four|4|three|3)")),
    (
        ExpectedReply.DIGITS,
        _any(
            "(phone|telephone|mobile|cell|call-?back|contact|account|card|order|reference|policy) number",
            "(membership|tracking|confirmation|booking|invoice|serial|social security|fax|best) number",
            "number (to|where|that)",
            "(your|the) number|digit by digit",
        ),
    ),
    (
        ExpectedReply.MESSAGE,
        _any(
            "(your|a|the|with) message|after the (beep|tone)|(tell|pass on to|let) (him|her|them)",
            "what (would you like (me )?to|should i) (say|tell|pass on)|what('s| is) (it|this|that) about",
        ),
    ),
)
_FIRST_WORDS = r"^\W*((and|so|okay|ok|great|thanks|thank you|perfect|now|alright|all right|well)\W+)*"
_AUXILIARY = re.compile(
    _FIRST_WORDS
    + r"(do|does|did|is|are|was|were|can|could|would|will|shall|should|have|has|had|may|don't|isn't|aren't)\b"
)


def expected_reply(agent_text: str) -> ExpectedReply:
    """Return the kind of reply that an agent expects after it said `agent_text`. The last question or request in its
    last two sentences decides."""
    sentence = asked_sentence(agent_text)
    return _expected(sentence) if sentence else ExpectedReply.REPLY


def asked_sentence(agent_text: str) -> str:
    """Return the last question or request in the last two sentences of `agent_text`, in lower case, or ""."""
    return next((sentence for sentence in reversed(_last_sentences(agent_text)) if _is_asking(sentence)), "")


def asks_caller(agent_text: str) -> bool:
    """Return whether the last two sentences of `agent_text` contain a question or a request."""
    return bool(asked_sentence(agent_text))


def _last_sentences(text: str) -> list[str]:
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return [sentence for sentence in _SENTENCE.findall(plain) if sentence.strip()][-2:]


def _is_asking(sentence: str) -> bool:
    return "?" in sentence or _REQUEST.search(sentence) is not None


def _expected(sentence: str) -> ExpectedReply:
    if _CONFIRMS.search(sentence) or (_AUXILIARY.search(sentence) and _READS_BACK.search(sentence)):
        return ExpectedReply.YES_NO
    if not _OFFERS.search(sentence):
        for expect, topic in _TOPICS:
            if topic.search(sentence):
                return expect
    is_choice = " or " in sentence
    return ExpectedReply.YES_NO if _AUXILIARY.search(sentence) and not is_choice else ExpectedReply.REPLY
