"""SQL of people: users who share a confirmed address's mailbox or a verified phone number, deleted ones included."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Users $1, and those whose confirmed addresses lead to a mailbox of theirs, or who verified a phone of theirs. An
# address that nobody confirmed counts for nobody: whoever signs up with another's address must not use up their limits.
_SELECT_PEOPLE: Final = """
    WITH identities AS (
        SELECT email_identity(email) AS identity FROM users
        WHERE id = ANY($1::uuid[]) AND email_verified_at IS NOT NULL
        UNION SELECT phone_identity(phone_number) FROM verified_numbers WHERE user_id = ANY($1::uuid[])
        UNION SELECT identity FROM former_users WHERE user_id = ANY($1::uuid[])
    )
    SELECT unnest($1::uuid[]) AS user_id
    UNION SELECT id FROM users
    WHERE email_verified_at IS NOT NULL AND email_identity(email) IN (SELECT identity FROM identities)
    UNION SELECT user_id FROM verified_numbers WHERE phone_identity(phone_number) IN (SELECT identity FROM identities)
    UNION SELECT user_id FROM former_users WHERE identity IN (SELECT identity FROM identities)
    LIMIT 10000
"""

# Keeps of a user that is deleted which mailbox and phones were theirs, as far as they were confirmed.
_INSERT_FORMER: Final = """
    INSERT INTO former_users (user_id, identity)
    SELECT id, email_identity(email) FROM users WHERE id = $1 AND email_verified_at IS NOT NULL
    UNION SELECT user_id, phone_identity(phone_number) FROM verified_numbers WHERE user_id = $1
    ON CONFLICT DO NOTHING
"""

# All transactions together have 64 locks for each of PostgreSQL's connections (max_locks_per_transaction). Somebody
# with thousands of accounts of one mailbox would take them all, and the requests of everybody would fail.
MOST_LOCKS: Final = 50

# Sorted, so that two transactions cannot deadlock.
_LOCK: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended('person ' || person, 0)) FROM unnest($1::text[]) AS person
"""


async def select_people(db: Connection, user_ids: Collection[UUID]) -> set[UUID]:
    """These users and all who share a mailbox or a phone with one of them, as far as is known."""
    rows = await db.fetch(_SELECT_PEOPLE, list(user_ids))
    return {row["user_id"] for row in rows}


async def lock_people(db: Connection, user_ids: Collection[UUID]) -> None:
    """Serialises transactions that count what these users have in order to add to it: by the first MOST_LOCKS of them,
    which are the same for all accounts of one mailbox."""
    await db.execute(_LOCK, sorted(map(str, user_ids))[:MOST_LOCKS])


async def insert_former(db: Connection, user_id: UUID) -> None:
    """Remembers mailbox and phones of a user that is about to be deleted."""
    await db.execute(_INSERT_FORMER, user_id)
