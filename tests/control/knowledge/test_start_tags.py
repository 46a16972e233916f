"""Workspaces take turns in the queue of documents that wait to be indexed."""

import asyncio
from uuid import UUID

import msgspec

from control.db.jobs import JobLimits, JobRetries, run_jobs
from control.knowledge.queries import finish_document
from control.knowledge.rules import KnowledgeDocument
from control.knowledge.service import INDEX_DOCUMENT, IndexDocumentJob, KnowledgeDocuments
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.knowledge.library import Library, make_library


class RecordingWorker:
    """Runs the jobs one at a time, and records which document each one is about. It indexes none."""

    def __init__(self, platform: CallPlatform, url: str) -> None:
        self.indexed = list[UUID]()
        self._platform, self._url = platform, url
        self._stop, self._most = asyncio.Event(), 0

    async def run(self, most: int) -> list[UUID]:
        """The documents of the next `most` jobs."""
        self._stop, self._most, self.indexed = asyncio.Event(), most, []
        limits = {INDEX_DOCUMENT: JobLimits(timeout_s=10, concurrency=1)}
        async with asyncio.timeout(30):
            await run_jobs(self._url, {INDEX_DOCUMENT: self._index}, JobRetries(poll_every_s=0.05), self._stop, limits)
        return self.indexed

    async def _index(self, payload: bytes) -> None:
        document_id = msgspec.json.decode(payload, type=IndexDocumentJob).document_id
        await self._platform.in_platform(lambda db: finish_document(db, document_id, chunk_count=1, indexed_at=NOW))
        self.indexed.append(document_id)
        if len(self.indexed) == self._most:
            self._stop.set()


async def add(library: Library, count: int) -> list[UUID]:
    """Documents that wait to be indexed, as after their uploads."""
    documents = list[KnowledgeDocument]()
    for _ in range(count):
        document = await library.insert(b"A crown costs 480 dollars.")
        await library.platform.in_workspace(
            library.workspace,
            lambda db, one=document: library.platform.services[KnowledgeDocuments].enqueue_indexing(db, one),  # type: ignore[misc]
        )
        documents.append(document)
    return [document.id for document in documents]


async def test_workspaces_take_turns_however_much_each_uploads(platform: CallPlatform, database_url: str) -> None:
    large, small, third = [await make_library(platform) for _ in range(3)]
    worker = RecordingWorker(platform, database_url)
    many = await add(large, 12)
    assert await worker.run(4) == many[:4]
    one = await add(small, 1)
    assert await worker.run(2) == [many[4], one[0]], "a turn of each, though eight came before"
    few = await add(third, 3)
    two = await add(small, 2)
    order = await worker.run(8)
    assert set(order[:3]) == {many[5], few[0], two[0]} and set(order[3:6]) == {many[6], few[1], two[1]}
    assert set(order[6:]) == {many[7], few[2]}
    more = await add(large, 2)
    late = await add(small, 1)
    assert await worker.run(7) == [many[8], late[0], *many[9:], *more], "no turns are saved up, and none is lost"
