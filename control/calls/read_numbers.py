"""Read model of phone numbers: those that workspaces hold, and may call from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class OriginNumber:
    """A number of the workspace that calls may be placed from."""

    id: UUID
    phone_number: str
    carrier: str


# Active numbers of workspace $1 at a carrier, those of agent $2 first.
_SELECT_ORIGINS: Final = """
    SELECT id, phone_number, carrier FROM phone_numbers
    WHERE workspace_id = $1 AND status = 'active' AND carrier IN ('twilio', 'telnyx')
    ORDER BY coalesce(agent_id = $2, false) DESC, created_at, id LIMIT 100
"""


# Those of the numbers $1 that a workspace holds.
_SELECT_HELD: Final = """
    SELECT phone_number FROM phone_numbers
    WHERE phone_number = ANY($1::text[]) AND status IN ('buying', 'active', 'releasing') LIMIT 20000
"""


async def select_held(db: Connection, numbers: Sequence[str]) -> set[str]:
    """Those of these numbers that are a workspace's now."""
    return {row["phone_number"] for row in await db.fetch(_SELECT_HELD, list(numbers))}


async def select_origins(db: Connection, workspace_id: UUID, agent_id: UUID | None) -> list[OriginNumber]:
    """Active numbers at a carrier, the agent's own first; up to 100."""
    return [OriginNumber(**row) for row in await db.fetch(_SELECT_ORIGINS, workspace_id, agent_id)]
