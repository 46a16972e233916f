"""Documents, their parts and limits as values, and the keys of their files in object storage. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

# Documents that an agent, or a search, names at most.
MOST_NAMED_DOCUMENTS: Final = 50

DocumentFormat = Literal["text", "markdown", "html", "pdf"]
DocumentStatus = Literal["pending", "ready", "failed"]

# Why a document could not be indexed, by the code that is stored.
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
        failure: A code of FAILURES.
        pages: Pages of a PDF.
        revision: Counts the requests to index it.
        requested_at: Time of the last request.
        indexed_at: When its text was last made searchable.
        start_tag: Its turn among the documents of all workspaces that wait to be indexed (`find_next_turn`).
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
    """What is uploaded.

    Attributes:
        data: The file's bytes.
        format: None: found by its content.
    """

    name: str
    language: str
    data: bytes
    format: DocumentFormat | None = None


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """Text under one heading, or of one page.

    Attributes:
        heading: With those above it, joined by " > "; may be empty.
        page: From 1, None where there are no pages.
    """

    text: str
    heading: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentChunk:
    """A piece of a document as it is searched and quoted.

    Attributes:
        number: From 0.
    """

    number: int
    text: str
    heading: str
    page: int | None


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A chunk that was found.

    Attributes:
        score: Comparable within one search only.
        share: Of the weight of the searched words that are in it, 0 to 1.
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
        documents, chunks: Limits of a workspace.
        bytes, pages, characters: Limits of a document.
    """

    documents: int
    chunks: int
    bytes: int
    pages: int
    characters: int


# Keys are `knowledge/<workspace id>/<document id>`.
FOLDER: Final = "knowledge"


def documents_prefix(workspace_id: UUID) -> str:
    """Returns the prefix of all keys of a workspace's documents."""
    return f"{FOLDER}/{workspace_id}/"


def document_key(workspace_id: UUID, document_id: UUID) -> str:
    """Returns the key of a document's file."""
    return f"{documents_prefix(workspace_id)}{document_id}"


def key_of(document: KnowledgeDocument) -> str:
    """Returns the key of this document's file."""
    return document_key(document.workspace_id, document.id)
