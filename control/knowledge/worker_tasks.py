"""The worker's tasks for documents that agents search."""

from control.db.duties import WorkerTasks
from control.db.jobs import JobLimits
from control.db.pool import Pool
from control.knowledge.index_job import DocumentIndexer, make_delete_file_job, make_index_document_job
from control.knowledge.parser import DocumentParser
from control.knowledge.service import DELETE_FILE, INDEX_DOCUMENT, KnowledgeDocuments
from shared.storage import Storage


def knowledge_tasks(pool: Pool, documents: KnowledgeDocuments, storage: Storage) -> WorkerTasks:
    """Jobs `knowledge.index_document` and `knowledge.delete_file`. Each of the first has a child process of up to 512
    MiB, so few run at once."""
    indexer = DocumentIndexer(pool, storage, documents, DocumentParser())
    return WorkerTasks(
        handlers={
            INDEX_DOCUMENT: make_index_document_job(indexer),
            DELETE_FILE: make_delete_file_job(storage),
        },
        limits={INDEX_DOCUMENT: JobLimits(timeout_s=180.0, concurrency=2)},
    )
