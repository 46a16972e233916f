"""Response models of documents that agents search (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.http.pagination import ListAnswer
from control.knowledge.model import FAILURES, DocumentFormat, DocumentStatus, FoundPassage, KnowledgeDocument


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentView:
    """A document. format: found by the file's content. language: of its text (BCP 47). status: pending: its text is
    being read; ready: agents find it. failure: why it cannot be searched, null otherwise. pages: of a PDF.
    chunk_count: pieces that are searched. indexed_at: when its text was read last; null: not yet."""

    id: UUID
    name: str
    format: DocumentFormat
    language: str
    size_bytes: int
    status: DocumentStatus
    failure: str | None
    failure_message: str | None
    pages: int | None
    chunk_count: int
    created_by: UUID | None
    created_at: datetime
    indexed_at: datetime | None


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentAnswer:
    """A document."""

    document: KnowledgeDocumentView


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentList(ListAnswer):
    """A page of documents, newest first."""

    documents: list[KnowledgeDocumentView]


@dataclass(frozen=True, slots=True)
class PassageView:
    """A passage of a document. page: from 1, null where there are no pages. heading: those that it stands under, the
    outermost first; empty without one. share: of the question's weight that its words have, 0 to 1."""

    document_id: UUID
    document: str
    page: int | None
    heading: str
    text: str
    share: float


@dataclass(frozen=True, slots=True)
class PassageList:
    """What was found, best first."""

    passages: list[PassageView]


def to_view(document: KnowledgeDocument) -> KnowledgeDocumentView:
    names = [name for name in KnowledgeDocumentView.__slots__ if name != "failure_message"]
    message = None if document.failure is None else FAILURES.get(document.failure, "")
    return KnowledgeDocumentView(**{name: getattr(document, name) for name in names}, failure_message=message)


def to_passage(passage: FoundPassage) -> PassageView:
    names = [name for name in PassageView.__slots__ if name != "share"]
    return PassageView(**{name: getattr(passage, name) for name in names}, share=round(passage.share, 3))
