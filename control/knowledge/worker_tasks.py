"""The worker's tasks for documents that agents search."""

from datetime import datetime
from typing import Final

from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.jobs import JobLimits
from control.db.pool import Connection, Pool
from control.knowledge.embedder import Embedder
from control.knowledge.embedding_duty import EVERY_S, MOST_DOCUMENTS, EmbeddingDuty
from control.knowledge.index_job import DocumentIndexer, fail_stuck, make_delete_file_job, make_index_document_job
from control.knowledge.parser import DocumentParser
from control.knowledge.service import DELETE_FILE, KnowledgeDocuments
from control.knowledge.start_tags import INDEX_DOCUMENT
from shared.storage import Storage

_MOST_STUCK: Final = 20


def knowledge_tasks(
    pool: Pool, documents: KnowledgeDocuments, storage: Storage, embedder: Embedder | None = None
) -> WorkerTasks:
    """Jobs `knowledge.index_document` and `knowledge.delete_file`, duty `stuck_documents`, and with an embedder
    `document_vectors`. Each job of the first kind has a child process of up to 512 MiB, so few run
    at once."""

    async def stuck_documents(db: Connection, now: datetime) -> int:
        return await fail_stuck(db, now, _MOST_STUCK)

    indexer = DocumentIndexer(pool, storage, documents, DocumentParser())
    return WorkerTasks(
        handlers={
            INDEX_DOCUMENT: make_index_document_job(indexer),
            DELETE_FILE: make_delete_file_job(storage),
        },
        duties=[Duty("stuck_documents", 600, stuck_documents, _MOST_STUCK), *_make_vector_duties(embedder)],
        limits={INDEX_DOCUMENT: JobLimits(timeout_s=180.0, concurrency=2)},
    )


def _make_vector_duties(embedder: Embedder | None) -> list[OutsideDuty]:
    if embedder is None:
        return []
    return [OutsideDuty("document_vectors", EVERY_S, EmbeddingDuty(embedder).run, MOST_DOCUMENTS)]
