"""Invitations over HTTP, from the letter to the first request as a member."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from control.accounts import mail
from control.accounts.mail import Postman
from shared.secrets import Sealer
from tests.control.accounts.stage import Kept, link_token
from tests.control.running import KEY, PASSWORD, Api, Person, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


async def opened(api: Api, email: str) -> str:
    """The token of the one letter of invitation that waits for this address; all letters are taken away."""
    kept = Kept()
    postman = Postman(Sealer([KEY]), kept, "Vocalized <no-reply@vocalized.example>")
    for row in await api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", mail.JOB):
        await postman.deliver(row["payload"])
    (letter,) = [one for one in kept.messages if one["To"] == email and "invited" in one["Subject"]]
    return link_token(letter)


async def invite(api: Api, by: Person, workspace_id: str, email: str, role: str = "member") -> str:
    reply = await by.post(f"/workspaces/{workspace_id}/members", {"email": email, "role": role})
    assert reply.status == 201, reply.body
    return await opened(api, email.lower())


async def test_somebody_new_signs_up_by_the_letter(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    token = await invite(api, ann, workspace_id, "New.Person@Example.com", "admin")
    body = {"token": token, "name": "Grace", "password": PASSWORD}
    done = await api.nobody.post("/invitations/signup", body)
    assert done.status == 201
    assert done.body["user"].items() >= {"email": "new.person@example.com", "is_verified": True}.items()
    assert [(each["id"], each["role"]) for each in done.body["workspaces"]] == [(workspace_id, "admin")]
    grace = Person(api, "new.person@example.com", done.body)
    assert (await grace.put(f"/workspaces/{workspace_id}", {"name": "Ours"})).status == 200
    assert (await api.nobody.post("/invitations/signup", body)).code == "invitation_accepted"
    assert (await api.sign_in("new.person@example.com")).id == grace.id


async def test_somebody_known_accepts_signed_in(api: Api) -> None:
    ann, bob, eve = [await api.sign_up(verified=False) for _ in range(3)]
    workspace_id = await ann.workspace()
    told = await ann.post(f"/workspaces/{workspace_id}/members", {"email": bob.email, "role": "viewer"})
    assert told.code == "email_unverified"
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    token = await invite(api, ann, workspace_id, bob.email, "viewer")
    assert (await eve.post("/invitations/accept", {"token": token})).code == "invitation_address"
    assert (await api.nobody.post("/invitations/accept", {"token": token})).status == 401
    used = {"token": token, "name": "Bob", "password": PASSWORD}
    assert (await api.nobody.post("/invitations/signup", used)).code == "email_taken"
    done = await bob.post("/invitations/accept", {"token": token})
    assert (done.status, done.body["workspace_id"]) == (200, workspace_id)
    assert [each["id"] for each in done.body["workspaces"]] == [workspace_id]
    assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200
    assert (await bob.get("/auth/me")).body["user"]["is_verified"]
    assert (await bob.post("/invitations/accept", {"token": token})).code == "invitation_accepted"


async def test_open_invitations_are_listed_for_admins_and_taken_back(api: Api) -> None:
    ann = await api.sign_up()
    at = f"/workspaces/{await ann.workspace()}/invitations"
    member = await api.member(at.split("/")[2], "member")
    token = await invite(api, ann, at.split("/")[2], "x@example.com")
    assert (await member.get(at)).code == "role"
    page = await ann.get(at)
    assert (page.body["total"], page.body["page"]) == (1, 1)
    (one,) = page.body["invitations"]
    assert (one["email"], one["role"], one["invited_by"], one["is_expired"]) == (
        "x@example.com",
        "member",
        ann.id,
        False,
    )
    assert token.encode() not in page.raw
    await api.owner.execute("UPDATE invitations SET expires_at = now() WHERE email = 'x@example.com'")
    assert (await ann.get(at)).body["invitations"][0]["is_expired"]
    assert (await ann.delete(f"{at}/{one['id']}")).status == 204
    assert (await ann.delete(f"{at}/{one['id']}")).code == "invitation_not_found"
    assert (await ann.get(at)).body["total"] == 0
    body = {"token": token, "name": "X", "password": PASSWORD}
    assert (await api.nobody.post("/invitations/signup", body)).code == "invitation_revoked"


async def test_another_workspaces_invitation_cannot_be_taken_back(api: Api) -> None:
    ann, eve = await api.sign_up(), await api.sign_up()
    workspace_id, other = await ann.workspace(), await eve.workspace()
    reply = await ann.post(f"/workspaces/{workspace_id}/members", {"email": "y@example.com", "role": "viewer"})
    invitation_id = reply.body["invitation"]["id"]
    assert (await eve.delete(f"/workspaces/{other}/invitations/{invitation_id}")).status == 404
    assert (await ann.get(f"/workspaces/{workspace_id}/invitations")).body["total"] == 1


async def test_of_many_accepts_at_once_one_wins(api: Api) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    workspace_id = await ann.workspace()
    token = await invite(api, ann, workspace_id, bob.email)
    replies = await asyncio.gather(*(bob.post("/invitations/accept", {"token": token}) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409]


async def test_what_is_wrong_is_named(api: Api) -> None:
    ann = await api.sign_up()
    at = f"/workspaces/{await ann.workspace()}/members"
    assert (await ann.post(at, {"email": "nobody", "role": "viewer"})).param == "email"
    assert (await ann.post(at, {"email": "a@example.com", "role": "boss"})).param == "role"
    assert (await ann.post(at, {"email": ann.email, "role": "viewer"})).code == "already_member"
    assert (await ann.post("/invitations/accept", {"token": "x"})).code == "token_invalid"
