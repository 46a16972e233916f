"""SQL of call_search, the words of transcripts. A trigger of calls keeps it; here are the calls from before it."""

from typing import Final

from control.db.pool import Connection

# Where the next page begins. Skipped while another worker is at it.
_LOCK_PROGRESS: Final = "SELECT below FROM call_search_progress FOR UPDATE SKIP LOCKED"

# The page of $2 calls below $1, and those of them that are over and have a transcript, as the trigger has them. The
# rows are locked, in the order of all who lock several: a transcript that is deleted meanwhile must not be indexed as
# it was when this began, because the trigger of its deletion has nothing to delete yet.
_INDEX_PAGE: Final = """
    WITH page AS (SELECT id FROM calls WHERE id < $1 ORDER BY id DESC LIMIT $2),
    indexed AS (
        INSERT INTO call_search (call_id, workspace_id, created_at, words)
        SELECT c.id, c.workspace_id, c.created_at, to_tsvector('simple', left(c.transcription, 200000))
        FROM page JOIN calls c ON c.id = page.id
        WHERE c.transcription <> '' AND c.status NOT IN ('queued', 'ringing', 'in_progress')
        ORDER BY c.id FOR SHARE OF c
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM page ORDER BY id
"""
_UPDATE_PROGRESS: Final = "UPDATE call_search_progress SET below = $1"
_DELETE_PROGRESS: Final = "DELETE FROM call_search_progress"


async def index_older_calls(db: Connection, most: int) -> int:
    """Makes the next calls from before the table searchable, the newest first; returns how many were looked at, 0 when
    none are left. Needs platform scope."""
    below = await db.fetchval(_LOCK_PROGRESS)
    if below is None:
        return 0
    page = await db.fetch(_INDEX_PAGE, below, most)
    if len(page) < most:
        await db.execute(_DELETE_PROGRESS)
    else:
        await db.execute(_UPDATE_PROGRESS, page[0]["id"])
    return len(page)
