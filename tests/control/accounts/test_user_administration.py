"""Administration of users by the staff."""

from datetime import timedelta
from uuid import uuid4

import pytest

from control.audit.rules import AuditFilter
from control.audit.service import Actor, list_entries
from control.db.keyset import PageRequest
from control.db.scope import enter_platform
from shared.errors import Forbidden, NotFound, Unauthorized
from tests.control.accounts.accounts_platform import NOW, AccountsPlatform, FixedOrigin, new_address

ADMIN = Actor("admin", uuid4(), "grace@example.com", "r1", "192.0.2.1")


async def create_named_user(platform: AccountsPlatform, name: str, after_s: int = 0) -> None:
    now = NOW + timedelta(seconds=after_s)
    await platform.transact(
        lambda db: platform.accounts.create_user(db, new_address(), name, "a fine long pass phrase", False, now)
    )


async def search_names(
    platform: AccountsPlatform, text: str | None, limit: int = 50, offset: int = 0
) -> tuple[list[str], int]:
    async with platform.pool.transaction() as db:
        page = await platform.accounts.user_administration.search(db, text, PageRequest(limit, offset))
    return [user.name for user in page.rows], page.total or 0


async def test_search_matches_parts_of_names_and_addresses_literally(platform: AccountsPlatform) -> None:
    mark = uuid4().hex[:8]
    for name in (f"{mark} 100% Ltd", f"{mark} 100 Ltd", f"{mark} under_score", f"{mark} back\\slash"):
        await create_named_user(platform, name)
    assert (await search_names(platform, f"{mark} 100%")) == ([f"{mark} 100% Ltd"], 1)
    assert (await search_names(platform, f"{mark.upper()} UNDER_"))[1] == 1
    assert (await search_names(platform, f"{mark} under%"))[1] == 0
    assert (await search_names(platform, "back\\slash"))[0] == [f"{mark} back\\slash"]
    user = (await platform.sign_up()).user
    assert (await search_names(platform, user.email[4:20])) == (["Ada Lovelace"], 1)


async def test_pages_are_newest_first_with_the_total(platform: AccountsPlatform) -> None:
    mark = uuid4().hex[:8]
    for number in range(5):
        await create_named_user(platform, f"{mark} {number}", number)
    assert await search_names(platform, mark, 2, 0) == ([f"{mark} 4", f"{mark} 3"], 5)
    assert await search_names(platform, mark, 2, 4) == ([f"{mark} 0"], 5)
    assert await search_names(platform, mark, 2, 6) == ([], 5)
    assert (await search_names(platform, None))[1] >= 5


async def test_deactivation_ends_sessions_and_can_be_undone(platform: AccountsPlatform) -> None:
    signed_up = await platform.sign_up()
    administration = platform.accounts.user_administration
    changed = await platform.transact(
        lambda db: administration.update(db, ADMIN, signed_up.user.id, NOW, is_active=False)
    )
    assert not changed.is_active and changed.name == "Ada Lovelace"
    assert not await platform.is_session_valid(signed_up.tokens.token)
    with pytest.raises(Forbidden):
        await platform.sign_in(signed_up.user.email)
    await platform.transact(
        lambda db: administration.update(db, ADMIN, signed_up.user.id, NOW, is_active=True, name="Ada King")
    )
    assert not await platform.is_session_valid(signed_up.tokens.token)
    with pytest.raises(Unauthorized):
        await platform.transact(
            lambda db: platform.accounts.refresh(db, signed_up.tokens.refresh_token, FixedOrigin(), NOW)
        )
    assert (await platform.sign_in(signed_up.user.email)).user.name == "Ada King"


async def test_update_without_a_change_is_not_audited(platform: AccountsPlatform) -> None:
    user = (await platform.sign_up()).user
    await platform.transact(
        lambda db: platform.accounts.user_administration.update(db, ADMIN, user.id, NOW, name=user.name, is_active=True)
    )
    async with platform.pool.transaction() as db:
        await enter_platform(db)
        entries = (await list_entries(db, AuditFilter(action="user.update"), PageRequest(50))).rows
    assert str(user.id) not in {entry.resource_id for entry in entries}


async def test_deletion_is_audited(platform: AccountsPlatform) -> None:
    signed_up = await platform.sign_up()
    await platform.transact(lambda db: platform.accounts.user_administration.delete(db, ADMIN, signed_up.user.id))
    assert not await platform.is_session_valid(signed_up.tokens.token)
    with pytest.raises(NotFound):
        await platform.transact(lambda db: platform.accounts.user_administration.get(db, signed_up.user.id))
    with pytest.raises(NotFound):
        await platform.transact(lambda db: platform.accounts.user_administration.delete(db, ADMIN, signed_up.user.id))
    async with platform.pool.transaction() as db:
        await db.execute("SELECT enter_scope('platform', NULL, NULL)")
        entries = (await list_entries(db, AuditFilter(action="user.delete"), PageRequest(50))).rows
    entry = next(entry for entry in entries if entry.resource_id == str(signed_up.user.id))
    assert entry.details["before"]["email"] == signed_up.user.email and entry.actor_email == "grace@example.com"
    await platform.sign_up(signed_up.user.email)
