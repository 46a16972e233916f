"""Determines which kind of reply the agent's last words ask for."""

from dataclasses import dataclass

from media.turn.expected_dictation import ExpectedDictation, expected_dictation
from media.turn.expected_reply import ExpectedReply, asked_sentence, expected_reply

# The kinds of reply that may be dictated; "yes" and messages are not.
_DICTATED = (ExpectedReply.REPLY, ExpectedReply.DIGITS, ExpectedReply.CODE, ExpectedReply.EMAIL)
_AMERICAN = "US"


@dataclass(frozen=True, slots=True)
class AgentQuestion:
    """The question or request in the agent's last words.

    Attributes:
        expect: The likely kind of reply.
        asks: Whether the words contain a question or a request.
        dictated: The text that the caller is asked to dictate, or None.
    """

    expect: ExpectedReply = ExpectedReply.REPLY
    asks: bool = False
    dictated: ExpectedDictation | None = None


def read_question(agent_text: str, language: str) -> AgentQuestion:
    """Return the question in the agent's last words.

    Args:
        agent_text: The agent's last words.
        language: The language of the call. Its region ("GB" of "en-GB") determines the usual telephone numbers. The
            default region is the US.
    """
    sentence, expect = asked_sentence(agent_text), expected_reply(agent_text)
    if not sentence or expect not in _DICTATED:
        return AgentQuestion(expect, bool(sentence))
    region = language.rpartition("-")[2] if "-" in language else ""
    country = region if len(region) == len(_AMERICAN) and region.isupper() else _AMERICAN
    return AgentQuestion(expect, True, expected_dictation(sentence, country))
