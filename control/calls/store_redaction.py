"""SQL of what is redacted after it was stored: events of calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from control.calls.word_times import with_word_times
from control.db.pool import Connection

# Replaces the text of events of speech; by the call, which the table's key begins with. Of what an interruption cut
# short, nothing stays.
_UPDATE_TEXTS: Final = """
    UPDATE call_events e
    SET event_data = e.event_data || jsonb_build_object('text', n.redacted)
        || CASE WHEN e.event_data ? 'planned' THEN '{"planned": ""}'::jsonb ELSE '{}'::jsonb END
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS n (call_id, event_type, text, redacted)
    WHERE e.call_id = n.call_id AND e.event_type = n.event_type AND e.event_data->>'text' = n.text
"""
_SELECT_UTTERANCES: Final = "SELECT words, word_times FROM call_words WHERE workspace_id = $1 AND call_id = $2"


@dataclass(frozen=True, slots=True)
class RedactedText:
    """The text of an event of speech, and what takes its place. event_type: "caller.said" or "agent.said"."""

    call_id: UUID
    event_type: str
    text: str
    redacted: str


async def update_texts(db: Connection, texts: Sequence[RedactedText]) -> None:
    """Replaces texts of stored events. Whoever does must have locked the calls."""
    if not texts:
        return
    await db.execute(
        _UPDATE_TEXTS,
        [one.call_id for one in texts],
        [one.event_type for one in texts],
        [one.text for one in texts],
        [one.redacted for one in texts],
    )


async def select_utterances(db: Connection, workspace_id: UUID, call_id: UUID) -> Sequence[Mapping[str, Any]]:
    """What was said in a call, as stored."""
    row = await db.fetchrow(_SELECT_UTTERANCES, workspace_id, call_id)
    return [] if row is None else with_word_times(row["words"], row["word_times"])
