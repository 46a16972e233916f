"""Maps asyncpg's errors to the API's problems."""

from typing import Final

import asyncpg  # type: ignore[import-untyped]

from control.db.pool import PoolExhausted
from shared.errors import Invalid, Problem, Unavailable

# The server is unreachable, stopping, full or read-only, or it canceled a statement that took too long.
UNAVAILABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)
# The transaction lost a conflict with another transaction and may succeed if it runs again.
COLLISIONS: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# PostgreSQL's type text cannot store U+0000, which JSON strings and URLs may contain.
_NUL_CHARACTER: Final = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
# All errors that `map_database_error` maps.
DATABASE_ERRORS: Final = (PoolExhausted, TimeoutError, ConnectionError, *UNAVAILABLE, *COLLISIONS, *_NUL_CHARACTER)


def map_database_error(error: BaseException) -> Problem | None:
    """Return the API problem for a database error.

    Returns Invalid for a NUL character, Unavailable for a lost, busy or colliding database, and None for a program
    error.
    """
    if isinstance(error, _NUL_CHARACTER):
        return Invalid("Text must not contain the character NUL.", code="nul")
    if isinstance(error, DATABASE_ERRORS):
        return unavailable()
    return None


def is_database_unavailable(error: Exception) -> bool:
    """Return whether an error means that the database is unavailable.

    A connection that is lost during a statement raises PostgreSQL's own error instead of Unavailable.
    """
    return isinstance(error, Unavailable) or isinstance(map_database_error(error), Unavailable)


def unavailable() -> Unavailable:
    """Return the error for requests that arrive while the database cannot be used."""
    return Unavailable("The database is busy or away. Try again in a moment.")
