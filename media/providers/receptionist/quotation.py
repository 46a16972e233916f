"""Answers a question by quoting a sentence from the passages that the tool `search_knowledge` found, with its document.

The receptionist never follows instructions in a document: a passage is only compared with the question, and a sentence
is quoted or not. Pure.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from media.providers.receptionist.facts import extract_facts
from media.providers.receptionist.retrieval import FactIndex

SEARCH_KNOWLEDGE: Final = "search_knowledge"
# The maximum number of quoted characters, so that the caller can follow.
_LONGEST_QUOTE: Final = 400


class _Passage(msgspec.Struct, frozen=True):
    document: str
    text: str
    page: int | None = None
    heading: str = ""


class _Result(msgspec.Struct, frozen=True):
    passages: list[_Passage] = []


def quote_passage(result: str, question: Sequence[str]) -> str:
    """Return a quotation: "According to Price list, page 2: A crown costs 480 dollars." Returns "" if no passage
    answers the question.

    Args:
        result: The tool's result.
        question: The content words of the question.
    """
    try:
        passages = msgspec.json.decode(result, type=_Result).passages
    except msgspec.DecodeError:  # the tool failed, so its result is a sentence
        return ""
    for passage in passages:
        match = FactIndex(extract_facts(passage.text)).search(question)
        if match.facts:
            return f"According to {_cite(passage)}: {match.facts[0].sentence[:_LONGEST_QUOTE]}"
    return ""


def _cite(passage: _Passage) -> str:
    return passage.document if passage.page is None else f"{passage.document}, page {passage.page}"
