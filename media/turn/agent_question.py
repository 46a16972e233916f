"""Determines what the agent's last words ask of the caller."""

from dataclasses import dataclass

from media.turn.expected_dictation import ExpectedDictation, expected_dictation
from media.turn.expected_reply import ExpectedReply, asked_sentence, expected_reply

# What may be dictated in answer: not "yes", nor a message.
_DICTATED = (ExpectedReply.REPLY, ExpectedReply.DIGITS, ExpectedReply.CODE, ExpectedReply.EMAIL)
_AMERICAN = "US"


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """expect: the reply that is likely. asks: whether there is a question or a request at all. dictated: what it asks
    for that is dictated, if anything."""

    expect: ExpectedReply = ExpectedReply.REPLY
    asks: bool = False
    dictated: ExpectedDictation | None = None


def read_question(agent_text: str, language: str) -> AgentQuestion:
    """Returns what an agent that has just said this asks. language: of the call; its region ("GB" of "en-GB") tells
    which country's telephone numbers are usual, without one those of the US."""
    sentence, expect = asked_sentence(agent_text), expected_reply(agent_text)
    if not sentence or expect not in _DICTATED:
        return AgentQuestion(expect, bool(sentence))
    region = language.rpartition("-")[2] if "-" in language else ""
    country = region if len(region) == len(_AMERICAN) and region.isupper() else _AMERICAN
    return AgentQuestion(expect, True, expected_dictation(sentence, country))
