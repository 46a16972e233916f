"""Answers a question from the passages that the tool `search_knowledge` found: quotes a sentence, names its document.

The receptionist does nothing that a document says: a passage is only compared with the question, and a sentence of it
is said or not. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from media.providers.receptionist.facts import extract_facts
from media.providers.receptionist.retrieval import FactIndex

SEARCH_KNOWLEDGE: Final = "search_knowledge"
# Characters that are quoted: what one can listen to.
_LONGEST_QUOTE: Final = 400


class _Passage(msgspec.Struct, frozen=True):
    document: str
    text: str
    page: int | None = None
    heading: str = ""


class _Result(msgspec.Struct, frozen=True):
    passages: list[_Passage] = []


def quote_passage(result: str, question: Sequence[str]) -> str:
    """What is said: "According to Price list, page 2: A crown costs 480 dollars." Empty if no sentence of a passage
    answers. result: of the tool. question: its content words."""
    try:
        passages = msgspec.json.decode(result, type=_Result).passages
    except msgspec.DecodeError:  # the tool failed: its result is a sentence
        return ""
    for passage in passages:
        match = FactIndex(extract_facts(passage.text)).search(question)
        if match.facts:
            return f"According to {_cite(passage)}: {match.facts[0].sentence[:_LONGEST_QUOTE]}"
    return ""


def _cite(passage: _Passage) -> str:
    return passage.document if passage.page is None else f"{passage.document}, page {passage.page}"
