"""SQL for failed sign-ins, counted by subject: an address at a network, an address, or a network."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from control.db.pool import Connection
from control.http.auth.access_tokens import Audience


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The failure count of a subject.

    Attributes:
        locked_until: Sign-ins of the subject are refused until this time.
    """

    failures: int
    started_at: datetime
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class CountedFailure:
    """A failure to count.

    Attributes:
        address: Hash of the e-mail address. None for the count of a network.
        unless_began: The count restarts if it began before this time.
        unless_last: The count restarts if its last failure was before this time.
    """

    subject: bytes
    address: bytes | None
    unless_began: datetime
    unless_last: datetime


async def select_counts(db: Connection, audience: Audience, subjects: Collection[bytes]) -> dict[bytes, FailureCount]:
    """Return the counts of these subjects. Subjects without failures are left out."""
    rows = await db.fetch(
        """
        SELECT subject, failures, started_at, locked_until FROM sign_in_failures
        WHERE audience = $1 AND subject = ANY ($2::bytea[])
        """,
        audience, list(subjects),
    )  # fmt: skip
    return {row["subject"]: FailureCount(row["failures"], row["started_at"], row["locked_until"]) for row in rows}


async def count_failures(
    db: Connection, audience: Audience, counted: Sequence[CountedFailure], now: datetime
) -> dict[bytes, int]:
    """Count a failure of each subject. Return their counts.

    Rows are written in the order of the subjects, so that two failures with common subjects cannot deadlock.
    """
    ordered = sorted(counted, key=lambda failure: failure.subject)
    rows = await db.fetch(
        """
        INSERT INTO sign_in_failures AS f (audience, subject, address_hash, failures, started_at, last_at)
        SELECT $1, subject, address, 1, $2, $2 FROM unnest($3::bytea[], $4::bytea[]) AS new (subject, address)
        ON CONFLICT (audience, subject) DO UPDATE SET (failures, started_at, last_at) = (
            SELECT CASE WHEN is_over THEN 1 ELSE f.failures + 1 END, CASE WHEN is_over THEN $2 ELSE f.started_at END, $2
            FROM unnest($3::bytea[], $5::timestamptz[], $6::timestamptz[]) AS limits (subject, began, last),
                 LATERAL (SELECT f.started_at < limits.began OR f.last_at < limits.last AS is_over) AS judged
            WHERE limits.subject = f.subject)
        RETURNING subject, failures
        """,
        *(audience, now, [failure.subject for failure in ordered], [failure.address for failure in ordered]),
        *([failure.unless_began for failure in ordered], [failure.unless_last for failure in ordered]),
    )
    return {row["subject"]: row["failures"] for row in rows}


async def lock_subject(db: Connection, audience: Audience, subject: bytes, until: datetime) -> None:
    """Refuse sign-ins of this subject until `until`."""
    await db.execute(
        "UPDATE sign_in_failures SET locked_until = $3 WHERE audience = $1 AND subject = $2", audience, subject, until
    )


async def delete_subject(db: Connection, audience: Audience, subject: bytes) -> None:
    """Delete the count of a subject."""
    await db.execute("DELETE FROM sign_in_failures WHERE audience = $1 AND subject = $2", audience, subject)


async def delete_address(db: Connection, audience: Audience, address: bytes, kept: bytes = b"") -> None:
    """Delete all counts of an address, at all networks and devices.

    Args:
        kept: Subject whose count is kept.
    """
    await db.execute(
        "DELETE FROM sign_in_failures WHERE audience = $1 AND address_hash = $2 AND subject <> $3",
        audience, address, kept,
    )  # fmt: skip


async def purge(db: Connection, forget: datetime, most: int) -> int:
    """Delete counts without a failure since `forget`. Return the number of deleted rows."""
    done: Any = await db.execute(
        """
        DELETE FROM sign_in_failures WHERE (audience, subject) IN (
            SELECT audience, subject FROM sign_in_failures WHERE last_at < $1
            ORDER BY last_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """,
        forget, most,
    )  # fmt: skip
    return int(str(done).rpartition(" ")[2])
