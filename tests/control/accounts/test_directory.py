"""Users as the staff sees them."""

from datetime import timedelta
from uuid import uuid4

import pytest

from control.db.scope import enter_platform
from control.platform.audit import Actor
from control.platform.model import LogFilter
from control.platform.service import Platform
from shared.errors import Missing, Unauthorised
from tests.control.accounts.stage import NOW, Here, Stage, someone

ADMIN = Actor("admin", uuid4(), "grace@example.com", "r1", "192.0.2.1")


async def named(on: Stage, name: str, after_s: int = 0) -> None:
    now = NOW + timedelta(seconds=after_s)
    await on.ask(lambda db: on.accounts.create_user(db, someone(), name, "a fine long pass phrase", False, now))


async def found(on: Stage, text: str | None, limit: int = 50, offset: int = 0) -> tuple[list[str], int]:
    async with on.pool.transaction() as db:
        page = await on.accounts.directory.search(db, text, limit, offset)
    return [user.name for user in page.users], page.total


async def test_search_finds_parts_of_names_and_addresses_and_takes_signs_as_they_are(on: Stage) -> None:
    mark = uuid4().hex[:8]
    for name in (f"{mark} 100% Ltd", f"{mark} 100 Ltd", f"{mark} under_score", f"{mark} back\\slash"):
        await named(on, name)
    assert (await found(on, f"{mark} 100%")) == ([f"{mark} 100% Ltd"], 1)
    assert (await found(on, f"{mark.upper()} UNDER_"))[1] == 1
    assert (await found(on, f"{mark} under%"))[1] == 0
    assert (await found(on, "back\\slash"))[0] == [f"{mark} back\\slash"]
    user = (await on.sign_up()).user
    assert (await found(on, user.email[4:20])) == (["Ada Lovelace"], 1)


async def test_pages_are_newest_first_and_tell_the_total(on: Stage) -> None:
    mark = uuid4().hex[:8]
    for number in range(5):
        await named(on, f"{mark} {number}", number)
    assert await found(on, mark, 2, 0) == ([f"{mark} 4", f"{mark} 3"], 5)
    assert await found(on, mark, 2, 4) == ([f"{mark} 0"], 5)
    assert await found(on, mark, 2, 6) == ([], 5)
    assert (await found(on, None))[1] >= 5


async def test_a_deactivated_user_is_out_at_once_and_may_come_back(on: Stage) -> None:
    done = await on.sign_up()
    directory = on.accounts.directory
    changed = await on.ask(lambda db: directory.change(db, ADMIN, done.user.id, NOW, is_active=False))
    assert not changed.is_active and changed.name == "Ada Lovelace"
    assert not await on.lives(done.tokens.token)
    with pytest.raises(Unauthorised):
        await on.sign_in(done.user.email)
    await on.ask(lambda db: directory.change(db, ADMIN, done.user.id, NOW, is_active=True, name="Ada King"))
    assert not await on.lives(done.tokens.token)
    with pytest.raises(Unauthorised):
        await on.ask(lambda db: on.accounts.refresh(db, done.tokens.refresh_token, Here(), NOW))
    assert (await on.sign_in(done.user.email)).user.name == "Ada King"


async def test_what_changes_nothing_is_not_logged(on: Stage) -> None:
    user = (await on.sign_up()).user
    await on.ask(lambda db: on.accounts.directory.change(db, ADMIN, user.id, NOW, name=user.name, is_active=True))
    async with on.pool.transaction() as db:
        await enter_platform(db)
        entries, _ = await Platform().log(db, LogFilter(action="user.update"), offset=0, limit=50)
    assert str(user.id) not in {entry.resource_id for entry in entries}


async def test_a_deleted_user_is_gone_and_the_log_tells(on: Stage) -> None:
    done = await on.sign_up()
    await on.ask(lambda db: on.accounts.directory.delete(db, ADMIN, done.user.id))
    assert not await on.lives(done.tokens.token)
    with pytest.raises(Missing):
        await on.ask(lambda db: on.accounts.directory.get(db, done.user.id))
    with pytest.raises(Missing):
        await on.ask(lambda db: on.accounts.directory.delete(db, ADMIN, done.user.id))
    async with on.pool.transaction() as db:
        await db.execute("SELECT enter_scope('platform', NULL, NULL)")
        entries, _ = await Platform().log(db, LogFilter(action="user.delete"), offset=0, limit=50)
    entry = next(entry for entry in entries if entry.resource_id == str(done.user.id))
    assert entry.details["before"]["email"] == done.user.email and entry.actor_email == "grace@example.com"
    await on.sign_up(done.user.email)
