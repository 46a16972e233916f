"""A workspace with documents: uploaded, indexed by the worker's job, and searched as a call does."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from control.knowledge.parser import DocumentParser
from control.knowledge.rules import FoundPassage, KnowledgeDocument, NewDocument
from control.knowledge.search import search_documents
from control.knowledge.service import INDEX_DOCUMENT, IndexDocumentJob, KnowledgeDocuments, put_file
from control.knowledge.tasks import DocumentIndexer, knowledge_tasks
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace

PRICES = """# Prices
A zirconia crown costs 480 dollars. It takes two visits.

## Cleaning
A professional cleaning costs 95 dollars.

# Parking
Parking is free in the garage behind the house."""


@dataclass(frozen=True, slots=True)
class Library:
    """The documents of one workspace."""

    platform: CallPlatform
    workspace: LiveWorkspace

    async def add(self, text: str | bytes = PRICES, name: str = "Price list", language: str = "en") -> UUID:
        """Adds and indexes a document."""
        document = await self.upload(text, name, language)
        await self.index(document)
        return document.id

    async def upload(self, text: str | bytes, name: str = "Price list", language: str = "en") -> KnowledgeDocument:
        """Adds a document with its file."""
        data = text.encode() if isinstance(text, str) else text
        document = await self.insert(data, name, language)
        await put_file(self.platform.storage, document, data)
        return document

    async def insert(self, data: bytes, name: str = "Price list", language: str = "en") -> KnowledgeDocument:
        """Adds a document without its file."""
        workspace, new = self.workspace, NewDocument(name, language, data)
        knowledge = self.platform.services[KnowledgeDocuments]
        return await self.platform.in_workspace(
            workspace, lambda db: knowledge.add(db, workspace.actor, workspace.workspace_id, new, NOW)
        )

    async def index(self, document: KnowledgeDocument) -> None:
        """Runs the job that the worker runs."""
        job = msgspec.json.encode(IndexDocumentJob(document.id, document.revision))
        tasks = knowledge_tasks(self.platform.pool, self.platform.services[KnowledgeDocuments], self.platform.storage)
        await tasks.handlers[INDEX_DOCUMENT](job)

    @property
    def indexer(self) -> DocumentIndexer:
        """What the job does, at a moment of the test's."""
        return DocumentIndexer(
            self.platform.pool, self.platform.storage, self.platform.services[KnowledgeDocuments], DocumentParser()
        )

    async def get(self, document_id: UUID) -> KnowledgeDocument:
        workspace = self.workspace
        return await self.platform.in_workspace(
            workspace,
            lambda db: self.platform.services[KnowledgeDocuments].get(db, workspace.workspace_id, document_id),
        )

    async def reindex(self, document_id: UUID, now: datetime) -> KnowledgeDocument:
        workspace, knowledge = self.workspace, self.platform.services[KnowledgeDocuments]
        return await self.platform.in_workspace(
            workspace, lambda db: knowledge.reindex(db, workspace.actor, workspace.workspace_id, document_id, now)
        )

    async def delete(self, document_id: UUID) -> None:
        workspace = self.workspace
        await self.platform.in_workspace(
            workspace,
            lambda db: self.platform.services[KnowledgeDocuments].delete(
                db, workspace.actor, workspace.workspace_id, document_id
            ),
        )

    async def search(self, question: str, documents: Collection[UUID] = ()) -> list[FoundPassage]:
        """By full text, in the workspace's scope."""
        workspace = self.workspace
        return await self.platform.in_workspace(
            workspace, lambda db: search_documents(db, workspace.workspace_id, question, documents=documents, most=4)
        )


async def make_library(platform: CallPlatform, **config: object) -> Library:
    """A workspace without documents."""
    return Library(platform, await platform.create_workspace(**config))  # type: ignore[arg-type]
