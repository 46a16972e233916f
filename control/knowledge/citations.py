"""Where an answer's facts stand: read from the result of the tool `search_knowledge` in a call's events. Pure."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from control.knowledge.tool import SEARCH_KNOWLEDGE

TOOL_NAME: Final = SEARCH_KNOWLEDGE.name


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that the model was given. document: its name at that time. page: None where there are no pages.
    heading: may be empty."""

    document_id: UUID
    document: str
    page: int | None
    heading: str


class _ToolResult(msgspec.Struct, frozen=True):
    passages: list[Citation] = []


def read_citations(result: str) -> list[Citation]:
    """The passages of a result, each place once; none of a result that was cut off, or of another form."""
    try:
        passages = msgspec.json.decode(result, type=_ToolResult).passages
    except msgspec.DecodeError:
        return []
    return list(dict.fromkeys(passages))
