"""People: users who share a confirmed address's mailbox or a verified phone number, deleted ones included."""

from collections.abc import Collection
from uuid import UUID

from control.accounts import store_people
from control.db.pool import Connection


async def lock_people(db: Connection, user_ids: Collection[UUID]) -> set[UUID]:
    """These users and all who are the same people, as far as is known. Until the transaction ends, nobody else counts
    what they have in order to add to it."""
    people = await store_people.select_people(db, user_ids)
    await store_people.lock_people(db, people)
    return people
