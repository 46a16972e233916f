"""Documents, their parts and limits as values, and the keys of their files in object storage. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

# Maximum number of documents that an agent or a search can select.
MOST_NAMED_DOCUMENTS: Final = 50

DocumentFormat = Literal["text", "markdown", "html", "pdf"]
DocumentStatus = Literal["pending", "ready", "failed"]

# Messages for documents that could not be indexed, keyed by the stored code.
FAILURES: Final[Mapping[str, str]] = {
    "encrypted": "It is protected by a password. Upload it without one.",
    "file_missing": "Its file did not reach storage. Delete it and upload it again.",
    "gave_up": "It could not be read for two hours. Have it read again, or upload it in parts.",
    "no_text": "There is no text in it. A scan has to be turned into text first.",
    "too_costly": "Reading it took more time or memory than a document may. Upload it in parts, or as text.",
    "too_long": "It has more text than a document may have. Upload it in parts.",
    "too_many_pages": "It has more pages than a document may have. Upload it in parts.",
    "unreadable": "It is damaged, or not what its beginning says.",
    "workspace_full": "The workspace's documents have as much text as they may. Delete others first.",
}


@dataclass(frozen=True, slots=True)
class KnowledgeDocument:
    """A document of a workspace.

    Attributes:
        language: BCP 47.
        failure: A key of FAILURES.
        pages: Number of pages of a PDF.
        revision: Number of requests to index the document.
        requested_at: Time of the last request.
        indexed_at: When the text was last made searchable.
        start_tag: Turn of the document among the waiting documents of all workspaces (`find_next_turn`).
    """

    id: UUID
    workspace_id: UUID
    name: str
    format: DocumentFormat
    language: str
    size_bytes: int
    status: DocumentStatus
    failure: str | None
    pages: int | None
    chunk_count: int
    revision: int
    created_by: UUID | None
    created_at: datetime
    requested_at: datetime
    indexed_at: datetime | None
    start_tag: int = 0


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to add.

    Attributes:
        data: The file's bytes.
        format: None detects the format from the content.
    """

    name: str
    language: str
    data: bytes
    format: DocumentFormat | None = None


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """Text under a heading, or on a page.

    Attributes:
        heading: The heading and those above it, joined by " > ". May be empty.
        page: Page number from 1. None if the document has no pages.
    """

    text: str
    heading: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentChunk:
    """A piece of a document that is searched and quoted.

    Attributes:
        number: Position in the document, from 0.
    """

    number: int
    text: str
    heading: str
    page: int | None


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A chunk found by a search.

    Attributes:
        score: Comparable only within the same search.
        share: Share of the searched words' weight that the chunk's words have, 0 to 1.
    """

    document_id: UUID
    document: str
    number: int
    page: int | None
    heading: str
    text: str
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class KnowledgeLimits:
    """Limits of documents.

    Attributes:
        documents: Maximum number of documents per workspace.
        chunks: Maximum number of chunks per workspace.
        bytes: Maximum size of a document's file.
        pages: Maximum number of pages per document.
        characters: Maximum number of characters per document.
    """

    documents: int
    chunks: int
    bytes: int
    pages: int
    characters: int


# Prefix of the keys `knowledge/<workspace id>/<document id>`.
FOLDER: Final = "knowledge"


def documents_prefix(workspace_id: UUID) -> str:
    """Return the prefix of all keys of a workspace's documents."""
    return f"{FOLDER}/{workspace_id}/"


def document_key(workspace_id: UUID, document_id: UUID) -> str:
    """Return the key of a document's file."""
    return f"{documents_prefix(workspace_id)}{document_id}"


def key_of(document: KnowledgeDocument) -> str:
    """Return the key of this document's file."""
    return document_key(document.workspace_id, document.id)
