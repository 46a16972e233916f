"""SQL of knowledge_documents."""

from collections.abc import Collection
from dataclasses import astuple, fields
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.knowledge.model import KnowledgeDocument

_NAMES: Final = [field.name for field in fields(KnowledgeDocument)]
_COLUMNS: Final = ", ".join(_NAMES)
_INSERT: Final = (
    f"INSERT INTO knowledge_documents ({_COLUMNS}) VALUES ({', '.join(f'${n + 1}' for n in range(len(_NAMES)))})"
)
_PAGE: Final = f"SELECT {_COLUMNS} FROM knowledge_documents WHERE workspace_id = $1"
_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM knowledge_documents WHERE id = $1 AND workspace_id = $2"
)
_RESTART: Final = f"""
    UPDATE knowledge_documents
    SET status = 'pending', failure = NULL, revision = revision + 1, requested_at = $3, start_tag = $4
    WHERE workspace_id = $1 AND id = $2 RETURNING {_COLUMNS}
"""
_FINISH: Final = """
    UPDATE knowledge_documents
    SET status = $2, failure = $3, pages = $4, chunk_count = $5, indexed_at = coalesce($6, indexed_at)
    WHERE id = $1
"""


_NEWEST: Final = """
    SELECT id FROM (
        SELECT id, sum(chunk_count) OVER (ORDER BY created_at DESC, id DESC) - chunk_count AS newer FROM (
            SELECT id, created_at, chunk_count FROM knowledge_documents
            WHERE workspace_id = $1 AND chunk_count > 0 AND (cardinality($2::uuid[]) = 0 OR id = ANY($2::uuid[]))
            ORDER BY created_at DESC, id DESC LIMIT $3
        ) newest
    ) counted WHERE newer < $4
"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


async def lock_workspace(db: Connection, workspace_id: UUID) -> None:
    """Serialises changes of a workspace's chunks and terms until the transaction ends: while a document is indexed, for
    seconds."""
    await db.execute(_LOCK, f"knowledge {workspace_id}")


async def lock_documents(db: Connection, workspace_id: UUID) -> None:
    """Serialises the adding of documents to a workspace until the transaction ends. It does not wait while another one
    is indexed, because the request has a connection."""
    await db.execute(_LOCK, f"knowledge documents {workspace_id}")


async def insert(db: Connection, document: KnowledgeDocument) -> None:
    """Inserts a document."""
    await db.execute(_INSERT, *astuple(document))


async def select_one(db: Connection, workspace_id: UUID, document_id: UUID) -> KnowledgeDocument | None:
    """A document of the workspace."""
    row = await db.fetchrow(f"{_PAGE} AND id = $2", workspace_id, document_id)
    return None if row is None else KnowledgeDocument(**row)


async def select_any(db: Connection, document_id: UUID, *, lock: bool = False) -> KnowledgeDocument | None:
    """A document of any workspace, in platform scope."""
    tail = "FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM knowledge_documents WHERE id = $1 {tail}", document_id)
    return None if row is None else KnowledgeDocument(**row)


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[KnowledgeDocument]:
    """Newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(f"{_PAGE} {clause.tail}", *clause.values)
    return cut_page([KnowledgeDocument(**row) for row in rows], page)


async def count_documents(db: Connection, workspace_id: UUID) -> int:
    """How many documents a workspace has."""
    count: int = await db.fetchval("SELECT count(*) FROM knowledge_documents WHERE workspace_id = $1", workspace_id)
    return count


async def select_known(db: Connection, workspace_id: UUID, document_ids: Collection[UUID]) -> set[UUID]:
    """Those of these documents that are the workspace's."""
    rows = await db.fetch(
        "SELECT id FROM knowledge_documents WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        workspace_id,
        list(document_ids),
    )
    return {row["id"] for row in rows}


async def select_newest(
    db: Connection, workspace_id: UUID, among: Collection[UUID], chunks: int, most: int
) -> list[UUID]:
    """The newest documents that have so many chunks together, `most` at most. among: only of these; empty: of all."""
    rows = await db.fetch(_NEWEST, workspace_id, list(among), most, chunks)
    return [row["id"] for row in rows]


async def select_last_start_tag(db: Connection, workspace_id: UUID) -> int | None:
    """The last start tag of the workspace's documents that wait to be indexed; None: none waits."""
    last: int | None = await db.fetchval(
        "SELECT max(start_tag) FROM knowledge_documents WHERE workspace_id = $1 AND status = 'pending'", workspace_id
    )
    return last


async def restart(
    db: Connection, workspace_id: UUID, document_id: UUID, now: datetime, start_tag: int
) -> KnowledgeDocument | None:
    """Makes a document pending under its next revision; None without such a document."""
    row = await db.fetchrow(_RESTART, workspace_id, document_id, now, start_tag)
    return None if row is None else KnowledgeDocument(**row)


async def select_stuck(db: Connection, requested_before: datetime, most: int) -> list[KnowledgeDocument]:
    """Documents that have been pending since then, the longest first. In platform scope."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM knowledge_documents WHERE status = 'pending' AND requested_at < $1 "
        "ORDER BY requested_at LIMIT $2",
        requested_before,
        most,
    )
    return [KnowledgeDocument(**row) for row in rows]


async def finish(
    db: Connection,
    document_id: UUID,
    *,
    failure: str | None = None,
    pages: int | None = None,
    chunk_count: int = 0,
    indexed_at: datetime | None = None,
) -> None:
    """Stores how indexing ended. failure: a code; None: it can be searched."""
    status = "ready" if failure is None else "failed"
    await db.execute(_FINISH, document_id, status, failure, pages, chunk_count, indexed_at)


async def delete(db: Connection, document_id: UUID) -> None:
    """Deletes a document with its chunks."""
    await db.execute("DELETE FROM knowledge_documents WHERE id = $1", document_id)
