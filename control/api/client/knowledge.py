"""Routes of documents that agents search, for the members of their workspace."""

import asyncio
from functools import partial
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.agents.config import MOST_DOCUMENTS
from control.agents.config_parts import LANGUAGE
from control.api.client.knowledge_views import (
    KnowledgeDocumentAnswer,
    KnowledgeDocumentList,
    PassageList,
    to_passage,
    to_view,
)
from control.db.scope import enter_workspace
from control.http.access import member
from control.http.after_commit import AfterCommit
from control.http.body import Body, Name
from control.http.context import Context, MemberContext
from control.http.pagination import ListQuery, Query, page_fields
from control.http.route import RateLimit, Route
from control.knowledge.embedder import Embeddings
from control.knowledge.rules import KnowledgeDocument, NewDocument
from control.knowledge.search import LONGEST_QUESTION, KnowledgeQuery, KnowledgeSearch
from control.knowledge.service import KnowledgeDocuments, put_file
from shared.errors import Unavailable
from shared.storage import Storage, StorageUnavailable

DocumentId = Annotated[UUID, Field(description="Id of the document.")]

DOCUMENTS = "/workspaces/{workspaceId}/knowledge/documents"
DOCUMENT = f"{DOCUMENTS}/{{documentId}}"
STORAGE_TIMEOUT_S = 30.0
# The longest file that the setting knowledge_document_bytes allows.
MOST_UPLOAD_BYTES: Final = 20_000_000
LONGEST_BODY_TEXT: Final = 900_000

Language = Annotated[str, Field(pattern=LANGUAGE, max_length=20, description="Of its text: a BCP 47 tag.")]
Question = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_QUESTION, pattern=r"^[^\u0000]*$")
]


class UploadQuery(Query):
    """What a file does not tell."""

    name: Name = Field(description="Under which agents cite it.", examples=["Price list 2027"])
    language: Language = "en"


class NewTextDocument(Body):
    """A document as"""

    name: Name = Field(description="Under which agents cite it.", examples=["Price list 2027"])
    language: Annotated[Language, Field(examples=["en"])] = "en"
    text: str = Field(
        min_length=1,
        max_length=LONGEST_BODY_TEXT,
        pattern=r"^[^\u0000]*$",
        description="The text, up to 900,000 characters; a longer one is uploaded as a file.",
        examples=["# Prices\n\nA crown costs 480 dollars."],
    )


class KnowledgeQuestion(Body):
    """What to look for, and where."""

    query: Question = Field(
        description="In the words of a caller, up to 500 characters.", examples=["price of a crown"]
    )
    document_ids: list[UUID] = Field([], max_length=MOST_DOCUMENTS, description="Only in these; empty: in all.")
    most: int = Field(4, ge=1, le=10, description="Passages at most.")


async def list_documents(context: MemberContext, query: ListQuery) -> KnowledgeDocumentList:
    """The workspace's documents, newest first."""
    found = await context.services[KnowledgeDocuments].list_page(context.db, context.workspace_id, page=query.request())
    return KnowledgeDocumentList([to_view(one) for one in found.rows], **page_fields(query, found))


async def add_document(context: MemberContext, body: NewTextDocument) -> AfterCommit[KnowledgeDocumentAnswer]:
    """Adds a document whose text is in the body. Its status tells when agents find it."""
    return await _add(context, NewDocument(body.name, body.language, body.text.encode("utf-8", "replace")))


async def upload_document(
    context: MemberContext, query: UploadQuery, upload: bytes
) -> AfterCommit[KnowledgeDocumentAnswer]:
    """Adds a document as a file, which is the body. It is text, Markdown, HTML or PDF, as its content shows: names and
    content types are not believed. Its status tells when agents find it."""
    return await _add(context, NewDocument(query.name, query.language, upload))


async def get_document(context: MemberContext, document_id: DocumentId) -> KnowledgeDocumentAnswer:
    """A document, and whether it can be searched."""
    found = await context.services[KnowledgeDocuments].get(context.db, context.workspace_id, document_id)
    return KnowledgeDocumentAnswer(to_view(found))


async def delete_document(context: MemberContext, document_id: DocumentId) -> None:
    """Deletes a document: from now on no call finds it."""
    await context.services[KnowledgeDocuments].delete(context.db, context.actor, context.workspace_id, document_id)


async def reindex_document(context: MemberContext, document_id: DocumentId) -> KnowledgeDocumentAnswer:
    """Has a document's file read again, after its limits were raised for instance. While that waits, another request
    within ten minutes changes nothing."""
    found = await context.services[KnowledgeDocuments].reindex(
        context.db, context.actor, context.workspace_id, document_id, context.now
    )
    return KnowledgeDocumentAnswer(to_view(found))


async def search_knowledge(context: MemberContext, body: KnowledgeQuestion) -> AfterCommit[PassageList]:
    """Tries a search: the passages that an agent would get."""
    search, workspace_id, now = context.services[KnowledgeSearch], context.workspace_id, context.now
    query = KnowledgeQuery(workspace_id, body.query, body.document_ids, body.most)
    words = await search.find_words(context.db, query)

    async def join(later: Context, found: Embeddings | None) -> PassageList:
        await enter_workspace(later.db, workspace_id)
        joined = await search.join(later.db, query, words, found, now)
        return PassageList([to_passage(one) for one in joined])

    return AfterCommit(partial(search.embed_question, body.query), join)


async def _add(context: MemberContext, new: NewDocument) -> AfterCommit[KnowledgeDocumentAnswer]:
    """The row is there before the file, so that no file is left that no row names. Until the file is stored, the
    document's job waits."""
    knowledge = context.services[KnowledgeDocuments]
    document = await knowledge.add(context.db, context.actor, context.workspace_id, new, context.now)

    async def enqueue(later: Context, answer: KnowledgeDocumentAnswer) -> KnowledgeDocumentAnswer:
        await knowledge.enqueue_indexing(later.db, document)
        return answer

    return AfterCommit(partial(_store, context.services[Storage], document, new.data), enqueue)


async def _store(storage: Storage, document: KnowledgeDocument, data: bytes) -> KnowledgeDocumentAnswer:
    """Raises Unavailable (code storage_away)."""
    try:
        async with asyncio.timeout(STORAGE_TIMEOUT_S):
            await put_file(storage, document, data)
    except (StorageUnavailable, TimeoutError):
        raise Unavailable(
            "The file could not be stored. Delete the document and upload it again in a moment.", code="storage_away"
        ) from None
    return KnowledgeDocumentAnswer(to_view(document))


_LIMIT: Final = RateLimit("knowledge-documents", 60, 60, per_user=True)

ROUTES: tuple[Route, ...] = (
    Route("GET", DOCUMENTS, list_documents, member("viewer", "knowledge:read"), beyond_spec=True),
    Route(
        "POST", DOCUMENTS, add_document, member("member", "knowledge:write"), status=201, limit=_LIMIT, beyond_spec=True
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
    ),
    Route("GET", DOCUMENT, get_document, member("viewer", "knowledge:read"), beyond_spec=True),
    Route("DELETE", DOCUMENT, delete_document, member("member", "knowledge:write"), beyond_spec=True),
    Route(
        "POST",
        f"{DOCUMENT}/index",
        reindex_document,
        member("member", "knowledge:write"),
        status=202,
        limit=_LIMIT,
        beyond_spec=True,
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
