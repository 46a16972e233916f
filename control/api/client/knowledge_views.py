"""Response models of documents that agents search (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.http.fields import CreatedAt, Id
from control.http.pagination import ListAnswer
from control.knowledge.rules import FAILURES, DocumentFormat, DocumentStatus, FoundPassage, KnowledgeDocument


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentView:
    """A document."""

    id: Id
    name: Annotated[str, Field(description="Under which agents cite it.", examples=["Price list 2027"])]
    format: Annotated[DocumentFormat, Field(description="Found by the file's content.")]
    language: Annotated[str, Field(description="Of its text: a BCP 47 tag.", examples=["en"])]
    size_bytes: Annotated[int, Field(description="Bytes of its file.", examples=[48_213])]
    status: Annotated[DocumentStatus, Field(description="pending: its text is being read; ready: agents find it.")]
    failure: Annotated[str | None, Field(description="Why it cannot be searched, null otherwise.", examples=[None])]
    failure_message: Annotated[
        str | None, Field(description="The same as a sentence; null otherwise.", examples=[None])
    ]
    pages: Annotated[int | None, Field(description="Of a PDF.", examples=[12])]
    chunk_count: Annotated[int, Field(description="Pieces that are searched.", examples=[34])]
    created_by: Annotated[
        UUID | None, Field(description="Id of the member who added it; null if that account is deleted.")
    ]
    created_at: CreatedAt
    indexed_at: Annotated[datetime | None, Field(description="When its text was read last; null: not yet.")]


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentAnswer:
    """A document."""

    document: Annotated[KnowledgeDocumentView, Field(description="The document.")]


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentList(ListAnswer):
    """A page of documents, newest first."""

    documents: Annotated[list[KnowledgeDocumentView], Field(description="The documents.")]


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage of a document."""

    document_id: Annotated[UUID, Field(description="Id of the document.")]
    document: Annotated[str, Field(description="Name of the document.", examples=["Price list 2027"])]
    page: Annotated[int | None, Field(description="Page, from 1; null where there are none.", examples=[2])]
    heading: Annotated[
        str,
        Field(
            description="Those that it stands under, the outermost first; empty without one.",
            examples=["Prices > Crowns"],
        ),
    ]
    text: Annotated[str, Field(description="The passage.", examples=["A crown costs 480 dollars."])]
    share: Annotated[float, Field(description="Of the question's weight that its words have, 0 to 1.", examples=[0.82])]


@dataclass(frozen=True, slots=True)
class PassageList:
    """What was found, best first."""

    passages: Annotated[list[PassageView], Field(description="The passages, best first.")]


def to_view(document: KnowledgeDocument) -> KnowledgeDocumentView:
    names = [name for name in KnowledgeDocumentView.__slots__ if name != "failure_message"]
    message = None if document.failure is None else FAILURES.get(document.failure, "")
    return KnowledgeDocumentView(**{name: getattr(document, name) for name in names}, failure_message=message)


def to_passage(passage: FoundPassage) -> PassageView:
    names = [name for name in PassageView.__slots__ if name != "share"]
    return PassageView(**{name: getattr(passage, name) for name in names}, share=round(passage.share, 3))
