"""What it is called when the database is away, and not our program at fault."""

from typing import Final

import asyncpg  # type: ignore[import-untyped]

# The server is away, stopping, full, takes no writes for now, or ended a statement because it took too long.
AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
