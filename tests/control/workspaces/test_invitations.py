"""How people come in: by a token that is good once, for a time, for one address."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from uuid import UUID

import pytest

from control.accounts.model import User
from control.accounts.service import SignedIn
from control.workspaces.model import Invitation
from control.workspaces.roles import Role
from shared.errors import Conflict, Problem
from tests.control.accounts.stage import Here, link_token, someone
from tests.control.workspaces.stage import NOW, STAFF, World, actor

DAY = timedelta(days=1)


async def refused(what: Awaitable[object]) -> str:
    with pytest.raises(Problem) as fault:
        await what
    return fault.value.code


async def scene(of: World, tier: str = "growth") -> tuple[User, UUID]:
    owner = await of.person()
    return owner, await of.workspace(owner, 'The "Acme" & Sons', tier=tier)


async def revoke(of: World, by: User, workspace_id: UUID, invitation_id: UUID) -> None:
    await of.member(
        by, workspace_id, lambda db: of.rooms.invitations.revoke(db, actor(by), workspace_id, invitation_id, NOW)
    )


async def open_ones(of: World, workspace_id: UUID) -> list[Invitation]:
    found, total = await of.staff(lambda db: of.rooms.invitations.page(db, workspace_id, offset=0, limit=9))
    assert total == len(found)
    return found


async def test_the_letter_tells_who_where_what_and_until_when(of: World) -> None:
    owner, workspace_id = await scene(of)
    email = someone()
    invitation = await of.invite(owner, workspace_id, email, "admin")
    assert (invitation.email, invitation.role, invitation.expires_at) == (email, "admin", NOW + 7 * DAY)
    (letter,) = await of.on.mails()
    text = letter.get_content()
    assert letter["To"] == email
    for part in ("Ada Lovelace", 'The "Acme" & Sons', "as admin", f"{NOW + 7 * DAY:%d %B %Y}", "/invitation#token="):
        assert part in text


async def test_somebody_with_an_account_joins_and_their_address_is_confirmed(of: World) -> None:
    owner, workspace_id = await scene(of)
    user = await of.person(verified=False)
    token = await of.token(owner, workspace_id, user.email, "viewer")
    assert await of.accept(user, token) == workspace_id
    assert await of.roles(workspace_id) == {owner.id: "owner", user.id: "viewer"}
    found = await of.staff(lambda db: of.on.accounts.find(db, user.id))
    assert found is not None and found.is_verified
    action, details = (await of.log(workspace_id))[-1]
    assert (action, details) == ("member.join", {"after": {"email": user.email, "role": "viewer"}})


async def test_somebody_without_an_account_gets_one_and_is_signed_in(of: World) -> None:
    owner, workspace_id = await scene(of)
    await of.setting("signup_enabled", False)
    email = someone()
    done = await of.sign_up(await of.token(owner, workspace_id, email))
    assert (done.user.email, done.user.is_verified) == (email, True)
    assert await of.on.lives(done.tokens.token)
    assert (await of.roles(workspace_id))[done.user.id] == "member"
    assert (await of.on.sign_in(email)).user.id == done.user.id


async def test_an_account_is_made_only_where_there_is_none(of: World) -> None:
    owner, workspace_id = await scene(of)
    user = await of.person()
    token = await of.token(owner, workspace_id, user.email)
    assert await refused(of.sign_up(token)) == "email_taken"
    await of.accept(user, token)


async def test_a_weak_password_does_not_use_the_invitation_up(of: World) -> None:
    owner, workspace_id = await scene(of)
    token = await of.token(owner, workspace_id, someone())
    weak = of.on.ask(lambda db: of.rooms.invitations.sign_up(db, token, "Grace", "short", Here(), NOW))
    assert await refused(weak) == "weak_password"
    await of.sign_up(token)


async def test_a_token_is_good_for_its_own_address_only(of: World) -> None:
    owner, workspace_id = await scene(of)
    token = await of.token(owner, workspace_id, someone())
    assert await refused(of.accept(await of.person(), token)) == "invitation_address"
    assert await refused(of.accept(await of.person(), token + "x")) == "token_invalid"
    await of.sign_up(token)


async def test_what_is_over_is_told_apart(of: World) -> None:
    owner, workspace_id = await scene(of)
    user = await of.person()
    token = await of.token(owner, workspace_id, user.email)
    assert await refused(of.accept(user, token, NOW + 7 * DAY)) == "invitation_expired"
    await of.accept(user, token, NOW + 7 * DAY - timedelta(seconds=1))
    assert await refused(of.accept(user, token)) == "invitation_accepted"
    email = someone()
    token = await of.token(owner, workspace_id, email)
    (invitation,) = await open_ones(of, workspace_id)
    await revoke(of, owner, workspace_id, invitation.id)
    assert await refused(of.sign_up(token)) == "invitation_revoked"
    assert await refused(revoke(of, owner, workspace_id, invitation.id)) == "invitation_not_found"
    token = await of.token(owner, workspace_id, email)
    await of.staff(lambda db: of.rooms.staff.delete(db, STAFF, workspace_id, NOW))
    assert await refused(of.sign_up(token)) == "token_invalid"


async def test_inviting_again_renews_and_voids_the_older_letter(of: World) -> None:
    owner, workspace_id = await scene(of)
    email = someone()
    first = await of.invite(owner, workspace_id, email, "viewer")
    second = await of.invite(owner, workspace_id, email, "member", NOW + 8 * DAY)
    old, new = (link_token(mail) for mail in await of.on.mails())
    assert (second.id, second.role, second.expires_at) == (first.id, "member", NOW + 15 * DAY)
    assert await refused(of.sign_up(old, NOW + 8 * DAY)) == "token_invalid"
    done = await of.sign_up(new, NOW + 8 * DAY)
    assert (await of.roles(workspace_id))[done.user.id] == "member"


async def test_who_may_invite(of: World) -> None:
    owner, workspace_id = await scene(of)
    admin, member = await of.join(workspace_id, "admin"), await of.join(workspace_id, "member")
    new = await of.join(workspace_id, "admin", await of.person(verified=False))
    await of.invite(admin, workspace_id, "a@example.com", "admin")
    assert await refused(of.invite(admin, workspace_id, "b@example.com", "owner")) == "role"
    assert await refused(of.invite(member, workspace_id, "b@example.com", "viewer")) == "role"
    assert await refused(of.invite(new, workspace_id, "b@example.com", "viewer")) == "email_unverified"
    heir = await of.invite(owner, workspace_id, "heir@example.com", "owner")
    assert await refused(of.invite(admin, workspace_id, "heir@example.com", "viewer")) == "role"
    assert await refused(revoke(of, admin, workspace_id, heir.id)) == "role"


async def test_members_and_a_suspended_workspace_need_no_letters(of: World) -> None:
    owner, workspace_id = await scene(of)
    assert await refused(of.invite(owner, workspace_id, owner.email)) == "already_member"
    await of.staff(lambda db: of.rooms.staff.suspend(db, STAFF, workspace_id, "unpaid", NOW))
    assert await refused(of.invite(owner, workspace_id, someone())) == "workspace_suspended"
    assert await of.on.mails() == []


async def test_the_answer_does_not_tell_who_has_an_account(of: World) -> None:
    owner, workspace_id = await scene(of)
    known = await of.invite(owner, workspace_id, (await of.person()).email)
    unknown = await of.invite(owner, workspace_id, someone())
    shown = [(one.role, one.invited_by, one.created_at, one.expires_at) for one in (known, unknown)]
    assert shown[0] == shown[1]
    texts = [mail.get_content().partition("#token=")[0] for mail in await of.on.mails()]
    assert texts[0] == texts[1]


async def test_open_invitations_take_places_until_they_expire(of: World) -> None:
    owner, workspace_id = await scene(of, tier="trial")  # three members
    await of.join(workspace_id, "member")
    await of.invite(owner, workspace_id, "a@example.com")
    await of.invite(owner, workspace_id, "a@example.com")
    assert await refused(of.invite(owner, workspace_id, "b@example.com")) == "member_limit"
    await of.invite(owner, workspace_id, "b@example.com", now=NOW + 7 * DAY)
    assert await refused(of.invite(owner, workspace_id, "a@example.com", now=NOW + 7 * DAY)) == "member_limit"


async def test_the_last_place_goes_to_one_of_many_at_once(of: World) -> None:
    owner, workspace_id = await scene(of, tier="trial")
    await of.join(workspace_id, "member")
    tries = [of.invite(owner, workspace_id, someone()) for _ in range(6)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    faults = [result.code for result in results if isinstance(result, Conflict)]
    assert faults == ["member_limit"] * 5


async def test_one_address_invited_many_times_at_once_has_one_good_token(of: World) -> None:
    owner, workspace_id = await scene(of)
    email = someone()
    await asyncio.gather(*(of.invite(owner, workspace_id, email) for _ in range(5)))
    tokens = [link_token(mail) for mail in await of.on.mails()]
    results = [await _outcome(of.sign_up(token)) for token in tokens]
    assert sorted(results) == ["", *["token_invalid"] * 4]


@pytest.mark.parametrize("role", ["owner", "viewer"])
async def test_of_many_who_accept_at_once_one_wins(of: World, role: Role) -> None:
    owner, workspace_id = await scene(of)
    user = await of.person()
    token = await of.token(owner, workspace_id, user.email, role)
    results = await asyncio.gather(*(_outcome(of.accept(user, token)) for _ in range(6)))
    assert sorted(results) == ["", *["invitation_accepted"] * 5]


async def test_of_many_sign_ups_at_once_one_wins(of: World) -> None:
    owner, workspace_id = await scene(of)
    token = await of.token(owner, workspace_id, someone())
    results = await asyncio.gather(*(of.sign_up(token) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, SignedIn) for result in results) == 1
    assert all(isinstance(result, (SignedIn, Conflict)) for result in results)
    assert len(await of.roles(workspace_id)) == 2


async def test_accepted_or_revoked_but_never_both(of: World) -> None:
    for _ in range(4):
        owner, workspace_id = await scene(of)
        user = await of.person()
        token = await of.token(owner, workspace_id, user.email)
        (invitation,) = await open_ones(of, workspace_id)
        results = await asyncio.gather(
            _outcome(of.accept(user, token)), _outcome(revoke(of, owner, workspace_id, invitation.id))
        )
        assert list(results) in (["", "invitation_not_found"], ["invitation_revoked", ""])
        assert (user.id in await of.roles(workspace_id)) == (results[0] == "")


async def _outcome(what: Awaitable[object]) -> str:
    """The problem's code, or nothing."""
    try:
        await what
    except Problem as problem:
        return problem.code
    return ""
