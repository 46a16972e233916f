"""Limits that count people: who is one person, and the trial that a person has once."""

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from control.accounts.rules import User
from control.accounts.users import queries as users_queries
from control.accounts.users.queries import insert_verified
from control.accounts.users.service import add_verified, remove_verified
from control.db.pool import Connection
from control.workspaces.rules import Workspace
from shared.ids import new_id
from tests.control.workspaces.workspaces_platform import NOW, STAFF, WorkspacesPlatform, user_actor

DAY = timedelta(days=1)


async def sign_up(platform: WorkspacesPlatform, email: str, *, verified: bool = True) -> User:
    password = "plum tractor 48 violin"
    return await platform.base.transact(
        lambda db: platform.base.accounts.create_user(db, email, "Ada", password, verified, NOW)
    )


async def delete_user(platform: WorkspacesPlatform, user: User) -> None:
    async def delete(db: Connection) -> None:
        await platform.workspaces.members.leave_all(db, user.id, NOW)
        await platform.base.accounts.user_administration.delete(db, STAFF, user.id)

    await platform.as_staff(delete)


async def people_of(platform: WorkspacesPlatform, user: User) -> set[UUID]:
    return await platform.as_staff(lambda db: users_queries.select_people(db, [user.id]))


async def get(platform: WorkspacesPlatform, workspace_id: UUID) -> Workspace:
    return await platform.as_staff(lambda db: platform.workspaces.administration.get(db, workspace_id))


async def delete_workspace(platform: WorkspacesPlatform, user: User, workspace_id: UUID) -> None:
    await platform.as_member(
        user, workspace_id, lambda db: platform.workspaces.delete(db, user_actor(user), workspace_id, NOW)
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("ada.l@gmail.com", "adal+2@googlemail.com", True),
        ("ada@example.org", "ada+trial@example.org", True),
        ("a.da@example.org", "ada.x@example.org", False),
        ("bob@example.org", "bob@example.net", False),
    ],
)
async def test_addresses_of_one_mailbox_are_one_person(
    platform: WorkspacesPlatform, one: str, other: str, same: bool
) -> None:
    name = new_id().replace("-", "")
    users = [await sign_up(platform, f"{name}{address}") for address in (one, other)]
    expected = {user.id for user in users} if same else {users[0].id}
    assert await people_of(platform, users[0]) == expected


async def test_an_unconfirmed_address_counts_for_nobody(platform: WorkspacesPlatform) -> None:
    name = new_id()
    stranger = await sign_up(platform, f"{name}+x@example.org", verified=False)
    owner = await sign_up(platform, f"{name}@example.org")
    await platform.create_workspace(stranger, now=NOW - 20 * DAY)
    assert await people_of(platform, owner) == {owner.id}
    workspace = await get(platform, await platform.create_workspace(owner))
    assert (workspace.status, workspace.trial_ends_at) == ("trial", NOW + 14 * DAY)


async def test_whoever_shares_a_phone_is_one_person_and_a_deleted_account_still_is(
    platform: WorkspacesPlatform,
) -> None:
    users = [await platform.create_user() for _ in range(3)]
    for user, phone in zip(users, ("+14155550911", "+14155550911", "+14155550912"), strict=True):
        await platform.as_staff(
            partial(insert_verified, number_id=UUID(new_id()), user_id=user.id, phone_number=phone, now=NOW)
        )
    both = {users[0].id, users[1].id}
    assert await people_of(platform, users[0]) == both
    await delete_user(platform, users[0])
    assert await people_of(platform, users[1]) == both


async def test_workspaces_of_a_person_share_one_trial(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    first = await platform.create_workspace(owner)
    await delete_workspace(platform, owner, first)
    second = await get(platform, await platform.create_workspace(owner, now=NOW + 3 * DAY))
    assert (second.status, second.trial_ends_at) == ("trial", NOW + 14 * DAY)
    third = await get(platform, await platform.create_workspace(owner, now=NOW + 15 * DAY))
    assert (third.status, third.status_before, third.trial_ends_at) == ("suspended", "trial", NOW + 14 * DAY)


async def test_a_new_account_with_the_mailbox_of_a_deleted_one_begins_no_trial(platform: WorkspacesPlatform) -> None:
    name = new_id()
    before = await sign_up(platform, f"{name}@example.org")
    workspace_id = await platform.create_workspace(before)
    await delete_workspace(platform, before, workspace_id)
    await delete_user(platform, before)
    again = await sign_up(platform, f"{name}@example.org")
    workspace = await get(platform, await platform.create_workspace(again, now=NOW + 20 * DAY))
    assert workspace.status == "suspended"


async def test_whoever_has_an_active_workspace_gets_another_after_the_trial(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    first = await platform.create_workspace(owner)
    await platform.as_staff(
        lambda db: db.execute("UPDATE workspaces SET status = 'active', trial_ends_at = NULL WHERE id = $1", first)
    )
    second = await get(platform, await platform.create_workspace(owner, now=NOW + 20 * DAY))
    assert (second.status, second.trial_ends_at) == ("active", None)


async def test_what_a_person_has_is_counted_in_the_workspaces_scope_which_stays(platform: WorkspacesPlatform) -> None:
    owner, other = await platform.create_user(), await platform.create_user()
    first, second = await platform.create_workspace(owner), await platform.create_workspace(owner)
    await platform.create_workspace(other)
    await delete_workspace(platform, owner, first)

    async def count(db: Connection) -> tuple[set[UUID], int]:
        found = await platform.workspaces.lock_person(db, second)
        return set(found), await db.fetchval("SELECT count(*) FROM workspaces")

    assert await platform.as_member(owner, second, count) == ({first, second}, 2)


async def test_whoever_forgets_a_verified_phone_stays_the_person_who_had_it(platform: WorkspacesPlatform) -> None:
    """Otherwise the next account would verify the same phone and begin anew."""
    users = [await platform.create_user() for _ in range(2)]
    phone = "+14155550913"
    stored = await platform.as_staff(lambda db: add_verified(db, users[0].id, phone, NOW))
    await platform.as_staff(lambda db: remove_verified(db, users[0].id, stored.id))
    await platform.as_staff(lambda db: add_verified(db, users[1].id, phone, NOW))
    both = {user.id for user in users}
    assert await people_of(platform, users[0]) == await people_of(platform, users[1]) == both


async def test_a_person_with_many_accounts_takes_few_locks(platform: WorkspacesPlatform) -> None:
    """All transactions together have some thousand locks in PostgreSQL; without one, requests of others fail."""

    async def count(db: Connection) -> int:
        await users_queries.lock_people(db, {UUID(int=one) for one in range(500)})
        held: int = await db.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        return held

    assert 0 < await platform.as_staff(count) <= users_queries.MOST_LOCKS


async def test_people_who_overlap_take_turns(platform: WorkspacesPlatform) -> None:
    """However many accounts each of them has."""
    accounts = [UUID(int=one) for one in range(500)]

    async def is_free(db: Connection) -> bool:
        first = min(map(str, accounts))
        free: bool = await db.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended('person ' || $1, 0))", first)
        return free

    async def hold(db: Connection) -> bool:
        await users_queries.lock_people(db, accounts)
        return await platform.as_staff(is_free)

    assert not await platform.as_staff(hold)
