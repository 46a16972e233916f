"""SQL for the analyses of calls, which are stored in columns of `calls`."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.calls.analysis.rules import AnalysedTranscript, CallFindings
from control.calls.records.details import AnalysisRecord, AnalysisStatus, decode_record, encode_record
from control.db.pool import Connection

# Marks calls $1 as waiting for analysis and returns those that did not wait before. Only calls with speech are marked.
_MARK_PENDING: Final = """
    UPDATE calls SET analysis_status = 'pending'
    WHERE id = ANY($1::uuid[]) AND transcription <> '' AND analysis_status IS DISTINCT FROM 'pending' RETURNING id
"""

_SELECT_PENDING: Final = """
    SELECT c.workspace_id, c.agent_id, c.agent_version, c.created_at, c.analysis, md5(c.transcription) AS fingerprint,
           w.words
    FROM calls c JOIN call_words w ON w.call_id = c.id WHERE c.id = $1 AND c.analysis_status = 'pending'
"""

# Stores the result, unless the transcript has changed.
_UPDATE_RESULT: Final = """
    UPDATE calls SET summary = $3, sentiment = $4, sentiment_score = $5, success = $6, analysis_status = 'done',
                     analysis = $7
    WHERE id = $1 AND md5(transcription) = $2 RETURNING true
"""

# Stores only the status: the result of an earlier analysis stays.
_UPDATE_STATUS: Final = """
    UPDATE calls SET analysis_status = $3, analysis = $4 WHERE id = $1 AND md5(transcription) = $2 RETURNING true
"""

# Stores what the attempts used so far, while the call waits for the next attempt. The rest of the record that the
# attempt read is not written back: an earlier result may have been deleted since by retention, a caller's deletion or
# redaction.
_UPDATE_USE: Final = """
    UPDATE calls SET analysis = coalesce(analysis, '{}') || $2::jsonb
    WHERE id = $1 AND analysis_status = 'pending' RETURNING true
"""
_USE_FIELDS: Final = ("reason", "tokens", "runs", "at")

# Deletes results that were derived from words that are now redacted. The usage stays, because it counts for the call's
# cap.
_DELETE_FINDINGS: Final = """
    UPDATE calls SET summary = NULL, sentiment = NULL, sentiment_score = NULL, success = NULL,
                     analysis = analysis - '{method,provider,model,success_reason,extracted}'::text[]
    WHERE id = ANY($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class PendingAnalysis:
    """A call that waits for its analysis."""

    workspace_id: UUID
    agent_id: UUID | None
    agent_version: int | None
    created_at: datetime
    record: AnalysisRecord
    transcript: AnalysedTranscript


async def mark_pending(db: Connection, call_ids: Iterable[UUID]) -> list[UUID]:
    """Marks these calls as waiting for analysis. Returns the calls that were not waiting before. Needs platform
    scope.
    """
    return [row["id"] for row in await db.fetch(_MARK_PENDING, sorted(set(call_ids)))]


async def select_pending(db: Connection, call_id: UUID) -> PendingAnalysis | None:
    """Returns the call's pending analysis; None if the call does not wait or no longer exists. Needs platform scope."""
    row = await db.fetchrow(_SELECT_PENDING, call_id)
    if row is None:
        return None
    return PendingAnalysis(
        row["workspace_id"],
        row["agent_id"],
        row["agent_version"],
        row["created_at"],
        decode_record(row["analysis"]),
        make_transcript(row["words"], row["fingerprint"]),
    )


def make_transcript(words: Sequence[Any], fingerprint: str) -> AnalysedTranscript:
    """Returns a transcript for the analysis, with the texts as they are stored.

    This is the only source of the call texts that a language model receives.
    """
    return AnalysedTranscript([{"speaker": word["speaker"], "text": word["text"]} for word in words], fingerprint)


async def update_result(
    db: Connection, call_id: UUID, fingerprint: str, findings: CallFindings, record: AnalysisRecord
) -> bool:
    """Stores the result of a finished analysis. Needs platform scope.

    Returns:
        Whether the result was stored. It is not stored if the transcript has changed since it was read.
    """
    found = (findings.summary, findings.sentiment, findings.sentiment_score, findings.success)
    return bool(await db.fetchval(_UPDATE_RESULT, call_id, fingerprint, *found, encode_record(record)))


async def update_status(
    db: Connection, call_id: UUID, fingerprint: str, status: AnalysisStatus, record: AnalysisRecord
) -> bool:
    """Stores that the analysis failed or was skipped. Returns the same as `update_result`. Needs platform scope."""
    return bool(await db.fetchval(_UPDATE_STATUS, call_id, fingerprint, status, encode_record(record)))


async def update_use(db: Connection, call_id: UUID, record: AnalysisRecord) -> bool:
    """Stores what the attempts used. Needs platform scope.

    Returns:
        Whether the call still waits for its analysis. It does not if its words were deleted in the meantime.
    """
    encoded = encode_record(record)
    use = {name: encoded[name] for name in _USE_FIELDS if name in encoded}
    return bool(await db.fetchval(_UPDATE_USE, call_id, use))


async def delete_findings(db: Connection, call_ids: Collection[UUID]) -> None:
    """Deletes the results of earlier analyses of these calls. Needs platform scope."""
    if call_ids:
        await db.execute(_DELETE_FINDINGS, sorted(call_ids))
