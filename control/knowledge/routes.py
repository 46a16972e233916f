"""Routes of documents for workspace members."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.db.scope import enter_workspace
from control.http.access import member
from control.http.body import LANGUAGE, Body, Name
from control.http.context import Context, MemberContext
from control.http.fields import CreatedAt, Id
from control.http.pagination import ListAnswer, ListQuery, Query, page_fields
from control.http.responses.after_commit import AfterCommit
from control.http.route import RateLimit, Route
from control.knowledge.embedder import Embeddings
from control.knowledge.rules import (
    FAILURES,
    MOST_NAMED_DOCUMENTS,
    DocumentFormat,
    DocumentStatus,
    FoundPassage,
    KnowledgeDocument,
    NewDocument,
)
from control.knowledge.search import LONGEST_QUESTION, KnowledgeQuery, KnowledgeSearch
from control.knowledge.service import KnowledgeDocuments, put_file
from shared.errors import Unavailable
from shared.storage import Storage, StorageUnavailable


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentView:
    """A document that agents can search."""

    id: Id
    name: Annotated[str, Field(description="Name under which agents cite the document.", examples=["Price list 2027"])]
    format: Annotated[DocumentFormat, Field(description="Format, detected from the file's content.")]
    language: Annotated[str, Field(description="Language of the text as a BCP 47 tag.", examples=["en"])]
    size_bytes: Annotated[int, Field(description="Size of the file in bytes.", examples=[48_213])]
    status: Annotated[
        DocumentStatus,
        Field(description="`pending`: the document is being indexed. `ready`: agents can search the document."),
    ]
    failure: Annotated[
        str | None, Field(description="Why the document cannot be searched. Null if it can.", examples=[None])
    ]
    failure_message: Annotated[
        str | None, Field(description="The failure as a sentence. Null without a failure.", examples=[None])
    ]
    pages: Annotated[int | None, Field(description="Number of pages of a PDF.", examples=[12])]
    chunk_count: Annotated[int, Field(description="Number of searchable chunks.", examples=[34])]
    created_by: Annotated[
        UUID | None, Field(description="Id of the member who added the document. Null if the account was deleted.")
    ]
    created_at: CreatedAt
    indexed_at: Annotated[datetime | None, Field(description="When the document was last indexed. Null: not yet.")]


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
    page: Annotated[
        int | None, Field(description="Page number from 1. Null if the document has no pages.", examples=[2])
    ]
    heading: Annotated[
        str,
        Field(
            description="Headings above the passage, outermost first. Empty if there are none.",
            examples=["Prices > Crowns"],
        ),
    ]
    text: Annotated[str, Field(description="The passage.", examples=["A crown costs 480 dollars."])]
    share: Annotated[
        float,
        Field(description="Share of the question's weight that the passage's words have, 0 to 1.", examples=[0.82]),
    ]


@dataclass(frozen=True, slots=True)
class PassageList:
    """The passages that a search found, best first."""

    passages: Annotated[list[PassageView], Field(description="The passages, best first.")]


def to_view(document: KnowledgeDocument) -> KnowledgeDocumentView:
    names = [name for name in KnowledgeDocumentView.__slots__ if name != "failure_message"]
    message = None if document.failure is None else FAILURES.get(document.failure, "")
    return KnowledgeDocumentView(**{name: getattr(document, name) for name in names}, failure_message=message)


def to_passage(passage: FoundPassage) -> PassageView:
    names = [name for name in PassageView.__slots__ if name != "share"]
    return PassageView(**{name: getattr(passage, name) for name in names}, share=round(passage.share, 3))


DocumentId = Annotated[UUID, Field(description="Id of the document.")]

DOCUMENTS = "/workspaces/{workspaceId}/knowledge/documents"
DOCUMENT = f"{DOCUMENTS}/{{documentId}}"
STORAGE_TIMEOUT_S = 30.0
# The largest value that the setting knowledge_document_bytes allows.
MOST_UPLOAD_BYTES: Final = 20_000_000
LONGEST_BODY_TEXT: Final = 900_000

Language = Annotated[str, Field(pattern=LANGUAGE, max_length=20, description="Language of the text as a BCP 47 tag.")]
Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_QUESTION, pattern=r"^[^\u0000]*$")
]


class UploadQuery(Query):
    """Name and language of an uploaded file."""

    name: Name = Field(description="Name under which agents cite the document.", examples=["Price list 2027"])
    language: Language = "en"


class NewTextDocument(Body):
    """A document whose text is in the request body."""

    name: Name = Field(description="Name under which agents cite the document.", examples=["Price list 2027"])
    language: Annotated[Language, Field(examples=["en"])] = "en"
    text: str = Field(
        min_length=1,
        max_length=LONGEST_BODY_TEXT,
        pattern=r"^[^\u0000]*$",
        description="The text, up to 900,000 characters. Upload longer texts as a file.",
        examples=["# Prices\n\nA crown costs 480 dollars."],
    )


class KnowledgeQuestion(Body):
    """A question for a search, and the documents to search."""

    query: Question = Field(
        description="The question in a caller's words, up to 500 characters.", examples=["price of a crown"]
    )
    document_ids: list[UUID] = Field(
        [], max_length=MOST_NAMED_DOCUMENTS, description="The documents to search. Empty: all documents."
    )
    most: int = Field(4, ge=1, le=10, description="Maximum number of passages.")


async def list_documents(context: MemberContext, query: ListQuery) -> KnowledgeDocumentList:
    """List the workspace's documents, newest first."""
    found = await context.services[KnowledgeDocuments].list_page(context.db, context.workspace_id, page=query.request())
    return KnowledgeDocumentList([to_view(row) for row in found.rows], **page_fields(query, found))


async def add_document(context: MemberContext, body: NewTextDocument) -> AfterCommit[KnowledgeDocumentAnswer]:
    """Add a document whose text is in the body.

    The document's status shows when agents can search it.
    """
    return await _add(context, NewDocument(body.name, body.language, body.text.encode("utf-8", "replace")))


async def upload_document(
    context: MemberContext, query: UploadQuery, upload: bytes
) -> AfterCommit[KnowledgeDocumentAnswer]:
    """Add a document as a file, which is the request body.

    The file can be text, Markdown, HTML or PDF. The format is detected from the content; file names and content types
    are ignored. The document's status shows when agents can search it.
    """
    return await _add(context, NewDocument(query.name, query.language, upload))


async def get_document(context: MemberContext, document_id: DocumentId) -> KnowledgeDocumentAnswer:
    """Return a document with its status."""
    found = await context.services[KnowledgeDocuments].get(context.db, context.workspace_id, document_id)
    return KnowledgeDocumentAnswer(to_view(found))


async def delete_document(context: MemberContext, document_id: DocumentId) -> None:
    """Delete a document. Searches no longer find it."""
    await context.services[KnowledgeDocuments].delete(context.db, context.actor, context.workspace_id, document_id)


async def reindex_document(context: MemberContext, document_id: DocumentId) -> KnowledgeDocumentAnswer:
    """Read a document's file again, for example after its limits were raised.

    While a request waits, further requests within ten minutes have no effect.
    """
    found = await context.services[KnowledgeDocuments].reindex(
        context.db, context.actor, context.workspace_id, document_id, context.now
    )
    return KnowledgeDocumentAnswer(to_view(found))


async def search_knowledge(context: MemberContext, body: KnowledgeQuestion) -> AfterCommit[PassageList]:
    """Test a search: return the passages that an agent would get."""
    search, workspace_id, now = context.services[KnowledgeSearch], context.workspace_id, context.now
    query = KnowledgeQuery(workspace_id, body.query, body.document_ids, body.most)
    words = await search.find_words(context.db, query)

    async def join(later: Context, found: Embeddings | None) -> PassageList:
        await enter_workspace(later.db, workspace_id)
        joined = await search.join(later.db, query, words, found, now)
        return PassageList([to_passage(passage) for passage in joined])

    return AfterCommit(partial(search.embed_question, body.query), join)


async def _add(context: MemberContext, new: NewDocument) -> AfterCommit[KnowledgeDocumentAnswer]:
    """Add a document and store its file.

    The row is inserted before the file is stored, so that each stored file has a row. The document's job waits until
    the file is stored.
    """
    knowledge = context.services[KnowledgeDocuments]
    document = await knowledge.add(context.db, context.actor, context.workspace_id, new, context.now)

    async def enqueue(later: Context, answer: KnowledgeDocumentAnswer) -> KnowledgeDocumentAnswer:
        await knowledge.enqueue_indexing(later.db, document)
        return answer

    return AfterCommit(partial(_store, context.services[Storage], document, new.data), enqueue)


async def _store(storage: Storage, document: KnowledgeDocument, data: bytes) -> KnowledgeDocumentAnswer:
    """Store the document's file. Raises Unavailable (code storage_away)."""
    try:
        async with asyncio.timeout(STORAGE_TIMEOUT_S):
            await put_file(storage, document, data)
    except (StorageUnavailable, TimeoutError):
        raise Unavailable(
            "The file could not be stored. Delete the document and upload it again in a moment.", code="storage_away"
        ) from None
    return KnowledgeDocumentAnswer(to_view(document))


_LIMIT: Final = RateLimit("knowledge-documents", 60, 60, per_user=True)

# Errors that several operations can return.
_NEW_DOCUMENT_ERRORS: Final = (
    "404 tier_not_found",
    "409 document_limit",
    "409 workspace_suspended",
    "422 file_too_large",
    "422 file_unknown",
    "503 storage_away",
)

ROUTES: tuple[Route, ...] = (
    Route("GET", DOCUMENTS, list_documents, member("viewer", "knowledge:read"), beyond_spec=True),
    Route(
        "POST",
        DOCUMENTS,
        add_document,
        member("member", "knowledge:write"),
        status=201,
        limit=_LIMIT,
        beyond_spec=True,
        errors=_NEW_DOCUMENT_ERRORS,
    ),
    Route(
        "POST",
        f"{DOCUMENTS}/upload",
        upload_document,
        member("member", "knowledge:write"),
        status=201,
        limit=_LIMIT,
        beyond_spec=True,
        upload_bytes=MOST_UPLOAD_BYTES,
        errors=(*_NEW_DOCUMENT_ERRORS, "503 busy"),
    ),
    Route(
        "GET",
        DOCUMENT,
        get_document,
        member("viewer", "knowledge:read"),
        beyond_spec=True,
        errors=("404 document_not_found",),
    ),
    Route(
        "DELETE",
        DOCUMENT,
        delete_document,
        member("member", "knowledge:write"),
        beyond_spec=True,
        errors=("404 document_not_found",),
    ),
    Route(
        "POST",
        f"{DOCUMENT}/index",
        reindex_document,
        member("member", "knowledge:write"),
        status=202,
        limit=_LIMIT,
        beyond_spec=True,
        errors=("404 document_not_found", "409 workspace_suspended"),
    ),
    Route(
        "POST",
        "/workspaces/{workspaceId}/knowledge/search",
        search_knowledge,
        member("member", "knowledge:read"),
        limit=RateLimit("knowledge-search", 120, 60, per_user=True),
        beyond_spec=True,
    ),
)
