"""Invitations: single-use tokens that expire and are bound to an address."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from uuid import UUID

import pytest

from control.accounts.rules import User
from control.accounts.users.service import SignInResult
from control.db.keyset import PageRequest
from control.workspaces.rules import Invitation, Role
from shared.errors import Conflict, Problem
from tests.control.accounts.accounts_platform import FixedOrigin, link_token, new_address
from tests.control.workspaces.workspaces_platform import NOW, STAFF, WorkspacesPlatform, user_actor

DAY = timedelta(days=1)


async def problem_code(action: Awaitable[object]) -> str:
    with pytest.raises(Problem) as error:
        await action
    return error.value.code


async def create_owner_and_workspace(platform: WorkspacesPlatform, tier: str = "growth") -> tuple[User, UUID]:
    owner = await platform.create_user()
    return owner, await platform.create_workspace(owner, 'The "Acme" & Sons', tier=tier)


async def revoke(platform: WorkspacesPlatform, by: User, workspace_id: UUID, invitation_id: UUID) -> None:
    await platform.as_member(
        by,
        workspace_id,
        lambda db: platform.workspaces.invitations.revoke(db, user_actor(by), workspace_id, invitation_id, NOW),
    )


async def open_invitations(platform: WorkspacesPlatform, workspace_id: UUID) -> list[Invitation]:
    found = await platform.as_staff(
        lambda db: platform.workspaces.invitations.list_page(db, workspace_id, page=PageRequest(9))
    )
    assert found.total == len(found.rows)
    return found.rows


async def test_email_names_inviter_workspace_role_and_expiry(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    email = new_address()
    invitation = await platform.invite(owner, workspace_id, email, "admin")
    assert (invitation.email, invitation.role, invitation.expires_at) == (email, "admin", NOW + 7 * DAY)
    (email_message,) = await platform.base.send_emails()
    text = email_message.get_content()
    assert email_message["To"] == email
    for part in ("Ada Lovelace", 'The "Acme" & Sons', "as admin", f"{NOW + 7 * DAY:%d %B %Y}", "/invitation#token="):
        assert part in text


async def test_accepting_adds_the_member_and_confirms_the_address(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    user = await platform.create_user(verified=False)
    token = await platform.invitation_token(owner, workspace_id, user.email, "viewer")
    assert await platform.accept(user, token) == workspace_id
    assert await platform.roles(workspace_id) == {owner.id: "owner", user.id: "viewer"}
    found = await platform.as_staff(lambda db: platform.base.accounts.find(db, user.id))
    assert found is not None and found.is_verified
    action, details = (await platform.audit_log(workspace_id))[-1]
    assert (action, details) == ("member.join", {"after": {"email": user.email, "role": "viewer"}})


async def test_sign_up_by_invitation_creates_an_account_and_signs_in(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    await platform.set_setting("signup_enabled", False)
    email = new_address()
    signed_up = await platform.sign_up(await platform.invitation_token(owner, workspace_id, email))
    assert (signed_up.user.email, signed_up.user.is_verified) == (email, True)
    assert await platform.base.is_session_valid(signed_up.tokens.token)
    assert (await platform.roles(workspace_id))[signed_up.user.id] == "member"
    assert (await platform.base.sign_in(email)).user.id == signed_up.user.id


async def test_sign_up_with_an_existing_account_is_refused(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    user = await platform.create_user()
    token = await platform.invitation_token(owner, workspace_id, user.email)
    assert await problem_code(platform.sign_up(token)) == "email_taken"
    await platform.accept(user, token)


async def test_weak_password_does_not_use_the_invitation(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    token = await platform.invitation_token(owner, workspace_id, new_address())
    weak = platform.base.transact(
        lambda db: platform.workspaces.invitations.sign_up(db, token, "Grace", "short", FixedOrigin(), NOW)
    )
    assert await problem_code(weak) == "weak_password"
    await platform.sign_up(token)


async def test_token_is_valid_for_its_address_only(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    token = await platform.invitation_token(owner, workspace_id, new_address())
    assert await problem_code(platform.accept(await platform.create_user(), token)) == "invitation_address"
    assert await problem_code(platform.accept(await platform.create_user(), token + "x")) == "token_invalid"
    await platform.sign_up(token)


async def test_closed_invitations_have_distinct_codes(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    user = await platform.create_user()
    token = await platform.invitation_token(owner, workspace_id, user.email)
    assert await problem_code(platform.accept(user, token, NOW + 7 * DAY)) == "invitation_expired"
    await platform.accept(user, token, NOW + 7 * DAY - timedelta(seconds=1))
    assert await problem_code(platform.accept(user, token)) == "invitation_accepted"
    email = new_address()
    token = await platform.invitation_token(owner, workspace_id, email)
    (invitation,) = await open_invitations(platform, workspace_id)
    await revoke(platform, owner, workspace_id, invitation.id)
    assert await problem_code(platform.sign_up(token)) == "invitation_revoked"
    assert await problem_code(revoke(platform, owner, workspace_id, invitation.id)) == "invitation_not_found"
    token = await platform.invitation_token(owner, workspace_id, email)
    await platform.as_staff(lambda db: platform.workspaces.administration.delete(db, STAFF, workspace_id, NOW))
    assert await problem_code(platform.sign_up(token)) == "token_invalid"


async def test_inviting_again_renews_and_invalidates_the_older_token(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    email = new_address()
    first = await platform.invite(owner, workspace_id, email, "viewer")
    second = await platform.invite(owner, workspace_id, email, "member", NOW + 8 * DAY)
    old, new = (link_token(email_message) for email_message in await platform.base.send_emails())
    assert (second.id, second.role, second.expires_at) == (first.id, "member", NOW + 15 * DAY)
    assert await problem_code(platform.sign_up(old, NOW + 8 * DAY)) == "token_invalid"
    signed_up = await platform.sign_up(new, NOW + 8 * DAY)
    assert (await platform.roles(workspace_id))[signed_up.user.id] == "member"


async def test_inviting_depends_on_the_role(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    admin, member = await platform.add_member(workspace_id, "admin"), await platform.add_member(workspace_id, "member")
    new = await platform.add_member(workspace_id, "admin", await platform.create_user(verified=False))
    await platform.invite(admin, workspace_id, "a@example.com", "admin")
    assert await problem_code(platform.invite(admin, workspace_id, "b@example.com", "owner")) == "role"
    assert await problem_code(platform.invite(member, workspace_id, "b@example.com", "viewer")) == "role"
    assert await problem_code(platform.invite(new, workspace_id, "b@example.com", "viewer")) == "email_unverified"
    invited_owner = await platform.invite(owner, workspace_id, "heir@example.com", "owner")
    assert await problem_code(platform.invite(admin, workspace_id, "heir@example.com", "viewer")) == "role"
    assert await problem_code(revoke(platform, admin, workspace_id, invited_owner.id)) == "role"


async def test_members_and_suspended_workspaces_get_no_email(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    assert await problem_code(platform.invite(owner, workspace_id, owner.email)) == "already_member"
    await platform.as_staff(
        lambda db: platform.workspaces.administration.suspend(db, STAFF, workspace_id, "unpaid", NOW)
    )
    assert await problem_code(platform.invite(owner, workspace_id, new_address())) == "workspace_suspended"
    assert await platform.base.send_emails() == []


async def test_invitation_does_not_reveal_accounts(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    known = await platform.invite(owner, workspace_id, (await platform.create_user()).email)
    unknown = await platform.invite(owner, workspace_id, new_address())
    visible = [
        (invitation.role, invitation.invited_by, invitation.created_at, invitation.expires_at)
        for invitation in (known, unknown)
    ]
    assert visible[0] == visible[1]
    texts = [email_message.get_content().partition("#token=")[0] for email_message in await platform.base.send_emails()]
    assert texts[0] == texts[1]


async def test_open_invitations_count_as_members_until_they_expire(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform, tier="trial")  # three members
    await platform.add_member(workspace_id, "member")
    await platform.invite(owner, workspace_id, "a@example.com")
    await platform.invite(owner, workspace_id, "a@example.com")
    assert await problem_code(platform.invite(owner, workspace_id, "b@example.com")) == "member_limit"
    await platform.invite(owner, workspace_id, "b@example.com", now=NOW + 7 * DAY)
    assert (
        await problem_code(platform.invite(owner, workspace_id, "a@example.com", now=NOW + 7 * DAY)) == "member_limit"
    )


async def test_one_of_many_concurrent_invitations_gets_the_last_place(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform, tier="trial")
    await platform.add_member(workspace_id, "member")
    tries = [platform.invite(owner, workspace_id, new_address()) for _ in range(6)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    faults = [result.code for result in results if isinstance(result, Conflict)]
    assert faults == ["member_limit"] * 5


async def test_concurrent_invitations_of_an_address_leave_one_valid_token(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    email = new_address()
    await asyncio.gather(*(platform.invite(owner, workspace_id, email) for _ in range(5)))
    tokens = [link_token(email_message) for email_message in await platform.base.send_emails()]
    results = [await _problem_code_or_empty(platform.sign_up(token)) for token in tokens]
    assert sorted(results) == ["", *["token_invalid"] * 4]


@pytest.mark.parametrize("role", ["owner", "viewer"])
async def test_one_of_many_concurrent_accepts_succeeds(platform: WorkspacesPlatform, role: Role) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    user = await platform.create_user()
    token = await platform.invitation_token(owner, workspace_id, user.email, role)
    results = await asyncio.gather(*(_problem_code_or_empty(platform.accept(user, token)) for _ in range(6)))
    assert sorted(results) == ["", *["invitation_accepted"] * 5]


async def test_one_of_many_concurrent_sign_ups_succeeds(platform: WorkspacesPlatform) -> None:
    owner, workspace_id = await create_owner_and_workspace(platform)
    token = await platform.invitation_token(owner, workspace_id, new_address())
    results = await asyncio.gather(*(platform.sign_up(token) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, SignInResult) for result in results) == 1
    assert all(isinstance(result, (SignInResult, Conflict)) for result in results)
    assert len(await platform.roles(workspace_id)) == 2


async def test_invitation_is_accepted_or_revoked_never_both(platform: WorkspacesPlatform) -> None:
    for _ in range(4):
        owner, workspace_id = await create_owner_and_workspace(platform)
        user = await platform.create_user()
        token = await platform.invitation_token(owner, workspace_id, user.email)
        (invitation,) = await open_invitations(platform, workspace_id)
        results = await asyncio.gather(
            _problem_code_or_empty(platform.accept(user, token)),
            _problem_code_or_empty(revoke(platform, owner, workspace_id, invitation.id)),
        )
        assert list(results) in (["", "invitation_not_found"], ["invitation_revoked", ""])
        assert (user.id in await platform.roles(workspace_id)) == (results[0] == "")


async def _problem_code_or_empty(action: Awaitable[object]) -> str:
    """Returns the code of the raised Problem, empty when none was raised."""
    try:
        await action
    except Problem as problem:
        return problem.code
    return ""
