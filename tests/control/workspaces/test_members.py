"""What members are and how they go; the last owner stays, however many try at once."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID, uuid4

import pytest

from control.accounts.model import User
from shared.errors import Conflict, Forbidden, Missing, Problem
from tests.control.workspaces.stage import NOW, STAFF, World

Step = Callable[[World, User, User, UUID], Awaitable[object]]


async def refused(what: Awaitable[object]) -> str:
    with pytest.raises(Problem) as fault:
        await what
    return fault.value.code


async def two_owners(of: World) -> tuple[User, User, UUID]:
    one = await of.person()
    workspace_id = await of.workspace(one)
    return one, await of.join(workspace_id, "owner"), workspace_id


async def test_roles_change_as_the_rule_says(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    admin, other = await of.join(workspace_id, "admin"), await of.join(workspace_id, "member")
    assert (await of.change_role(admin, workspace_id, other, "admin")).role == "admin"
    assert await refused(of.change_role(admin, workspace_id, other, "owner")) == "role"
    assert await refused(of.change_role(admin, workspace_id, admin, "owner")) == "role"
    assert await refused(of.change_role(admin, workspace_id, owner, "viewer")) == "role"
    assert await refused(of.remove(admin, workspace_id, owner)) == "role"
    assert (await of.change_role(owner, workspace_id, other, "owner")).role == "owner"
    assert (await of.change_role(other, workspace_id, owner, "viewer")).role == "viewer"
    assert await refused(of.change_role(owner, workspace_id, admin, "viewer")) == "role"
    assert await of.roles(workspace_id) == {owner.id: "viewer", other.id: "owner", admin.id: "admin"}


async def test_who_is_no_member_is_not_found(of: World) -> None:
    owner, stranger = await of.person(), await of.person()
    workspace_id = await of.workspace(owner)
    assert await refused(of.change_role(owner, workspace_id, stranger, "admin")) == "member_not_found"
    assert await refused(of.remove(owner, workspace_id, stranger)) == "member_not_found"
    assert await refused(of.remove(stranger, workspace_id, stranger)) == "workspace_not_found"
    assert await refused(of.remove(owner, uuid4(), owner)) == "workspace_not_found"


async def test_anybody_may_leave_but_remove_only_by_role(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    viewer, member = await of.join(workspace_id, "viewer"), await of.join(workspace_id, "member")
    assert await refused(of.remove(member, workspace_id, viewer)) == "role"
    await of.remove(viewer, workspace_id, viewer)
    await of.remove(owner, workspace_id, member)
    assert await of.roles(workspace_id) == {owner.id: "owner"}
    log = await of.log(workspace_id)
    assert [action for action, _ in log[-2:]] == ["member.leave", "member.remove"]
    assert log[-1][1] == {"before": {"email": member.email, "role": "member"}}


async def test_the_last_owner_stays_one(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    await of.join(workspace_id, "admin")
    assert await refused(of.remove(owner, workspace_id, owner)) == "last_owner"
    assert await refused(of.change_role(owner, workspace_id, owner, "admin")) == "last_owner"
    await of.join(workspace_id, "owner")
    await of.remove(owner, workspace_id, owner)


async def test_an_owner_who_is_locked_out_is_nobody_to_leave_it_to(of: World) -> None:
    owner, other, workspace_id = await two_owners(of)
    await of.staff(lambda db: of.on.accounts.directory.change(db, STAFF, other.id, NOW, is_active=False))
    assert await refused(of.remove(owner, workspace_id, owner)) == "last_owner"
    await of.remove(owner, workspace_id, other)


def removal(of: World, by: User, user: User, workspace_id: UUID) -> Awaitable[object]:
    return of.remove(by, workspace_id, user)


def demotion(of: World, by: User, user: User, workspace_id: UUID) -> Awaitable[object]:
    return of.change_role(by, workspace_id, user, "viewer")


@pytest.mark.parametrize("each_other", [False, True])
@pytest.mark.parametrize(("first", "second"), [(removal, removal), (demotion, demotion), (removal, demotion)])
async def test_of_the_last_two_owners_at_once_one_stays(of: World, first: Step, second: Step, each_other: bool) -> None:
    for _ in range(4):
        one, other, workspace_id = await two_owners(of)
        targets = (other, one) if each_other else (one, other)
        tries = first(of, one, targets[0], workspace_id), second(of, other, targets[1], workspace_id)
        results = await asyncio.gather(*tries, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        assert [type(fault) in (Conflict, Forbidden, Missing) for fault in failed] == [True]
        assert list((await of.roles(workspace_id)).values()).count("owner") == 1


async def test_accounts_are_not_deleted_from_under_a_workspace(of: World) -> None:
    owner, helper = await of.person(), await of.person()
    lone, shared, gone = [await of.workspace(owner, name) for name in ("Lone", "Shared", "Gone")]
    await of.join(shared, "owner", helper)
    await of.staff(lambda db: of.rooms.staff.delete(db, STAFF, gone, NOW))
    with pytest.raises(Conflict) as fault:
        await of.staff(lambda db: of.rooms.leave_all(db, owner.id, NOW))
    assert (fault.value.code, fault.value.message) == ("last_owner", "Nobody else owns: Lone.")
    await of.join(lone, "owner")
    await of.staff(lambda db: of.rooms.leave_all(db, owner.id, NOW))
    assert owner.id not in await of.roles(lone)
    assert await of.roles(shared) == {helper.id: "owner"}
    assert (await of.log(shared))[-1][0] == "member.leave"


async def test_two_owners_whose_accounts_are_deleted_at_once_leave_one_behind(of: World) -> None:
    for _ in range(4):
        one, other, workspace_id = await two_owners(of)
        tries = (of.staff(partial(of.rooms.leave_all, user_id=user.id, now=NOW)) for user in (one, other))
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(result, Conflict) for result in results) == 1
        assert list((await of.roles(workspace_id)).values()) == ["owner"]


async def test_what_somebody_may_no_longer_send_is_void(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    boss, admin = await of.join(workspace_id, "owner"), await of.join(workspace_id, "admin")
    await of.invite(boss, workspace_id, "heir@example.com", "owner")
    await of.invite(boss, workspace_id, "clerk@example.com", "member")
    await of.invite(admin, workspace_id, "friend@example.com", "admin")

    async def left() -> list[str]:
        found, _ = await of.staff(lambda db: of.rooms.invitations.page(db, workspace_id, offset=0, limit=9))
        return [invitation.email for invitation in found]

    await of.change_role(owner, workspace_id, boss, "admin")
    assert await left() == ["clerk@example.com", "friend@example.com"]
    await of.change_role(owner, workspace_id, boss, "viewer")
    assert await left() == ["friend@example.com"]
    await of.remove(owner, workspace_id, admin)
    assert await left() == []
