"""Roles and removal of members; the last owner stays, also under concurrency."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import UUID, uuid4

import pytest

from control.accounts.rules import User
from control.db.keyset import PageRequest
from shared.errors import Conflict, Forbidden, NotFound, Problem
from tests.control.workspaces.workspaces_platform import NOW, STAFF, WorkspacesPlatform

Step = Callable[[WorkspacesPlatform, User, User, UUID], Awaitable[object]]


async def problem_code(action: Awaitable[object]) -> str:
    with pytest.raises(Problem) as error:
        await action
    return error.value.code


async def two_owners(platform: WorkspacesPlatform) -> tuple[User, User, UUID]:
    one = await platform.create_user()
    workspace_id = await platform.create_workspace(one)
    return one, await platform.add_member(workspace_id, "owner"), workspace_id


async def test_role_changes_follow_the_rule(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    admin, other = await platform.add_member(workspace_id, "admin"), await platform.add_member(workspace_id, "member")
    assert (await platform.change_role(admin, workspace_id, other, "admin")).role == "admin"
    assert await problem_code(platform.change_role(admin, workspace_id, other, "owner")) == "role"
    assert await problem_code(platform.change_role(admin, workspace_id, admin, "owner")) == "role"
    assert await problem_code(platform.change_role(admin, workspace_id, owner, "viewer")) == "role"
    assert await problem_code(platform.remove(admin, workspace_id, owner)) == "role"
    assert (await platform.change_role(owner, workspace_id, other, "owner")).role == "owner"
    assert (await platform.change_role(other, workspace_id, owner, "viewer")).role == "viewer"
    assert await problem_code(platform.change_role(owner, workspace_id, admin, "viewer")) == "role"
    assert await platform.roles(workspace_id) == {owner.id: "viewer", other.id: "owner", admin.id: "admin"}


async def test_non_member_is_not_found(platform: WorkspacesPlatform) -> None:
    owner, stranger = await platform.create_user(), await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    assert await problem_code(platform.change_role(owner, workspace_id, stranger, "admin")) == "member_not_found"
    assert await problem_code(platform.remove(owner, workspace_id, stranger)) == "member_not_found"
    assert await problem_code(platform.remove(stranger, workspace_id, stranger)) == "workspace_not_found"
    assert await problem_code(platform.remove(owner, uuid4(), owner)) == "workspace_not_found"


async def test_everybody_may_leave_and_removal_depends_on_the_role(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    viewer, member = (
        await platform.add_member(workspace_id, "viewer"),
        await platform.add_member(workspace_id, "member"),
    )
    assert await problem_code(platform.remove(member, workspace_id, viewer)) == "role"
    await platform.remove(viewer, workspace_id, viewer)
    await platform.remove(owner, workspace_id, member)
    assert await platform.roles(workspace_id) == {owner.id: "owner"}
    log = await platform.audit_log(workspace_id)
    assert [action for action, _ in log[-2:]] == ["member.leave", "member.remove"]
    assert log[-1][1] == {"before": {"email": member.email, "role": "member"}}


async def test_last_owner_cannot_leave(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    await platform.add_member(workspace_id, "admin")
    assert await problem_code(platform.remove(owner, workspace_id, owner)) == "last_owner"
    assert await problem_code(platform.change_role(owner, workspace_id, owner, "admin")) == "last_owner"
    await platform.add_member(workspace_id, "owner")
    await platform.remove(owner, workspace_id, owner)


async def test_inactive_owner_does_not_count(platform: WorkspacesPlatform) -> None:
    owner, other, workspace_id = await two_owners(platform)
    await platform.as_staff(
        lambda db: platform.base.accounts.user_administration.update(db, STAFF, other.id, NOW, is_active=False)
    )
    assert await problem_code(platform.remove(owner, workspace_id, owner)) == "last_owner"
    await platform.remove(owner, workspace_id, other)


def remove(platform: WorkspacesPlatform, by: User, user: User, workspace_id: UUID) -> Awaitable[object]:
    return platform.remove(by, workspace_id, user)


def demote(platform: WorkspacesPlatform, by: User, user: User, workspace_id: UUID) -> Awaitable[object]:
    return platform.change_role(by, workspace_id, user, "viewer")


@pytest.mark.parametrize("each_other", [False, True])
@pytest.mark.parametrize(("first", "second"), [(remove, remove), (demote, demote), (remove, demote)])
async def test_one_of_the_last_two_owners_stays(
    platform: WorkspacesPlatform, first: Step, second: Step, each_other: bool
) -> None:
    for _ in range(4):
        one, other, workspace_id = await two_owners(platform)
        targets = (other, one) if each_other else (one, other)
        attempts = first(platform, one, targets[0], workspace_id), second(platform, other, targets[1], workspace_id)
        results = await asyncio.gather(*attempts, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        assert [type(error) in (Conflict, Forbidden, NotFound) for error in failed] == [True]
        assert list((await platform.roles(workspace_id)).values()).count("owner") == 1


async def test_account_of_a_sole_owner_cannot_leave_all(platform: WorkspacesPlatform) -> None:
    owner, helper = await platform.create_user(), await platform.create_user()
    sole, shared, deleted = [await platform.create_workspace(owner, name) for name in ("Lone", "Shared", "Gone")]
    await platform.add_member(shared, "owner", helper)
    await platform.as_staff(lambda db: platform.workspaces.administration.delete(db, STAFF, deleted, NOW))
    with pytest.raises(Conflict) as error:
        await platform.as_staff(lambda db: platform.workspaces.members.leave_all(db, owner.id, NOW))
    assert (error.value.code, error.value.message) == ("last_owner", "Nobody else owns: Lone.")
    await platform.add_member(sole, "owner")
    await platform.as_staff(lambda db: platform.workspaces.members.leave_all(db, owner.id, NOW))
    assert owner.id not in await platform.roles(sole)
    assert await platform.roles(shared) == {helper.id: "owner"}
    assert (await platform.audit_log(shared))[-1][0] == "member.leave"


async def test_concurrent_leaving_of_two_owners_keeps_one(platform: WorkspacesPlatform) -> None:
    for _ in range(4):
        one, other, workspace_id = await two_owners(platform)
        attempts = (
            platform.as_staff(partial(platform.workspaces.members.leave_all, user_id=user.id, now=NOW))
            for user in (one, other)
        )
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(isinstance(result, Conflict) for result in results) == 1
        assert list((await platform.roles(workspace_id)).values()) == ["owner"]


async def test_invitations_beyond_the_new_role_are_revoked(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    co_owner, admin = await platform.add_member(workspace_id, "owner"), await platform.add_member(workspace_id, "admin")
    await platform.invite(co_owner, workspace_id, "heir@example.com", "owner")
    await platform.invite(co_owner, workspace_id, "clerk@example.com", "member")
    await platform.invite(admin, workspace_id, "friend@example.com", "admin")

    async def remaining() -> list[str]:
        page = await platform.as_staff(
            lambda db: platform.workspaces.invitations.list_page(db, workspace_id, page=PageRequest(9))
        )
        return [invitation.email for invitation in page.rows]

    await platform.change_role(owner, workspace_id, co_owner, "admin")
    assert await remaining() == ["clerk@example.com", "friend@example.com"]
    await platform.change_role(owner, workspace_id, co_owner, "viewer")
    assert await remaining() == ["friend@example.com"]
    await platform.remove(owner, workspace_id, admin)
    assert await remaining() == []
