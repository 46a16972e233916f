"""Where an answer's facts stand: read from the result of the tool `search_knowledge` in a call's events. Pure."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import msgspec
from pydantic import Field

from control.knowledge.tool import SEARCH_KNOWLEDGE

TOOL_NAME: Final = SEARCH_KNOWLEDGE.name


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that the model was given."""

    document_id: Annotated[UUID, Field(description="Id of the document.")]
    document: Annotated[str, Field(description="Name of the document at that time.", examples=["Price list 2027"])]
    page: Annotated[int | None, Field(description="Page, from 1; null where there are none.", examples=[2])]
    heading: Annotated[str, Field(description="May be empty.", examples=["Prices > Crowns"])]


class _ToolResult(msgspec.Struct, frozen=True):
    passages: list[Citation] = []


def read_citations(result: str) -> list[Citation]:
    """The passages of a result, each place once; none of a result that was cut off, or of another form."""
    try:
        passages = msgspec.json.decode(result, type=_ToolResult).passages
    except msgspec.DecodeError:
        return []
    return list(dict.fromkeys(passages))
