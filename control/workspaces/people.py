"""Limits that count people: a person's workspaces are counted together, whatever became of them."""

from uuid import UUID

from control.accounts.people import lock_people
from control.db.pool import Connection
from control.db.scope import read_platform
from control.workspaces import read_people


async def lock_person_workspaces(db: Connection, workspace_id: UUID) -> list[UUID]:
    """The workspaces of the people whose this one is, deleted ones included until they are purged. Until the
    transaction ends, nobody else counts what these people have in order to add to it. In any scope."""

    async def select() -> list[UUID]:
        people = await lock_people(db, await read_people.select_holders(db, workspace_id))
        return await read_people.select_workspaces(db, people)

    return await read_platform(db, select)
