"""Invitations, from the email to the first request as a member."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from control.accounts.emails import service as emails_service
from control.accounts.emails.service import EmailSender
from shared.secrets import Sealer
from tests.control.accounts.accounts_platform import RecordingGateway, link_token
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import User
from tests.platform.services import KEY


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


async def invitation_token(api: Api, email: str) -> str:
    """The token of the only queued invitation to this address; removes all queued email."""
    gateway = RecordingGateway()
    sender = EmailSender(Sealer([KEY]), gateway, "Vocalized <no-reply@vocalized.example>")
    for row in await api.owner.fetch(
        "DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", emails_service.EMAIL_JOB
    ):
        await sender.send(row["payload"])
    (email_message,) = [
        message for message in gateway.messages if message["To"] == email and "invited" in message["Subject"]
    ]
    return link_token(email_message)


async def invite(api: Api, by: User, workspace_id: str, email: str, role: str = "member") -> str:
    reply = await by.post(f"/workspaces/{workspace_id}/members", {"email": email, "role": role})
    assert reply.status == 201, reply.body
    return await invitation_token(api, email.lower())


async def test_invited_person_signs_up_by_email_link(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    token = await invite(api, ann, workspace_id, "New.Person@Example.com", "admin")
    body = {"token": token, "name": "Grace", "password": PASSWORD}
    accepted = await api.anonymous.post("/invitations/signup", body)
    assert accepted.status == 201
    assert accepted.body["user"].items() >= {"email": "new.person@example.com", "is_verified": True}.items()
    assert [(workspace["id"], workspace["role"]) for workspace in accepted.body["workspaces"]] == [
        (workspace_id, "admin")
    ]
    grace = User(api.anonymous, "new.person@example.com", accepted.body)
    assert (await grace.put(f"/workspaces/{workspace_id}", {"name": "Ours"})).status == 200
    assert (await api.anonymous.post("/invitations/signup", body)).code == "invitation_accepted"
    assert (await api.sign_in("new.person@example.com")).id == grace.id


async def test_existing_user_accepts_an_invitation(api: Api) -> None:
    ann, bob, eve = [await api.sign_up(verified=False) for _ in range(3)]
    workspace_id = await ann.workspace()
    refused = await ann.post(f"/workspaces/{workspace_id}/members", {"email": bob.email, "role": "viewer"})
    assert refused.code == "email_unverified"
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    token = await invite(api, ann, workspace_id, bob.email, "viewer")
    assert (await eve.post("/invitations/accept", {"token": token})).code == "invitation_address"
    assert (await api.anonymous.post("/invitations/accept", {"token": token})).status == 401
    used = {"token": token, "name": "Bob", "password": PASSWORD}
    assert (await api.anonymous.post("/invitations/signup", used)).code == "email_taken"
    accepted = await bob.post("/invitations/accept", {"token": token})
    assert (accepted.status, accepted.body["workspace_id"]) == (200, workspace_id)
    assert [workspace["id"] for workspace in accepted.body["workspaces"]] == [workspace_id]
    assert (await bob.get(f"/workspaces/{workspace_id}")).status == 200
    assert (await bob.get("/auth/me")).body["user"]["is_verified"]
    assert (await bob.post("/invitations/accept", {"token": token})).code == "invitation_accepted"


async def test_open_invitations_are_listed_and_revoked_by_admins(api: Api) -> None:
    ann = await api.sign_up()
    path = f"/workspaces/{await ann.workspace()}/invitations"
    member = await api.member(path.split("/")[2], "member")
    token = await invite(api, ann, path.split("/")[2], "x@example.com")
    assert (await member.get(path)).code == "role"
    page = await ann.get(path)
    assert (page.body["total"], page.body["page"]) == (1, 1)
    (invitation,) = page.body["invitations"]
    assert (invitation["email"], invitation["role"], invitation["invited_by"], invitation["is_expired"]) == (
        "x@example.com",
        "member",
        ann.id,
        False,
    )
    assert token.encode() not in page.raw
    await api.owner.execute("UPDATE invitations SET expires_at = now() WHERE email = 'x@example.com'")
    assert (await ann.get(path)).body["invitations"][0]["is_expired"]
    assert (await ann.delete(f"{path}/{invitation['id']}")).status == 204
    assert (await ann.delete(f"{path}/{invitation['id']}")).code == "invitation_not_found"
    assert (await ann.get(path)).body["total"] == 0
    body = {"token": token, "name": "X", "password": PASSWORD}
    assert (await api.anonymous.post("/invitations/signup", body)).code == "invitation_revoked"


async def test_invitation_of_another_workspace_cannot_be_revoked(api: Api) -> None:
    ann, eve = await api.sign_up(), await api.sign_up()
    workspace_id, other = await ann.workspace(), await eve.workspace()
    reply = await ann.post(f"/workspaces/{workspace_id}/members", {"email": "y@example.com", "role": "viewer"})
    invitation_id = reply.body["invitation"]["id"]
    assert (await eve.delete(f"/workspaces/{other}/invitations/{invitation_id}")).status == 404
    assert (await ann.get(f"/workspaces/{workspace_id}/invitations")).body["total"] == 1


async def test_concurrent_accepts_succeed_once(api: Api) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    workspace_id = await ann.workspace()
    token = await invite(api, ann, workspace_id, bob.email)
    replies = await asyncio.gather(*(bob.post("/invitations/accept", {"token": token}) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409]


async def test_invalid_field_is_named(api: Api) -> None:
    ann = await api.sign_up()
    path = f"/workspaces/{await ann.workspace()}/members"
    assert (await ann.post(path, {"email": "nobody", "role": "viewer"})).param == "email"
    assert (await ann.post(path, {"email": "a@example.com", "role": "boss"})).param == "role"
    assert (await ann.post(path, {"email": ann.email, "role": "viewer"})).code == "already_member"
    assert (await ann.post("/invitations/accept", {"token": "x"})).code == "token_invalid"


async def test_invitations_of_all_senders_to_one_address_are_capped(api: Api) -> None:
    senders = [await api.sign_up() for _ in range(3)]
    workspace_ids = [await sender.workspace() for sender in senders]
    replies = []
    for _ in range(3):
        for sender, workspace_id in zip(senders, workspace_ids, strict=True):
            body = {"email": "victim@example.com", "role": "viewer"}
            replies.append(await sender.post(f"/workspaces/{workspace_id}/members", body))
    assert [reply.status for reply in replies] == [201] * 5 + [429] * 4
    assert replies[5].code == "letter_limit" and replies[5].headers["Retry-After"] == "3600"
    other = {"email": "other@example.com", "role": "viewer"}
    assert (await senders[0].post(f"/workspaces/{workspace_ids[0]}/members", other)).status == 201


async def test_names_in_letters_hold_no_address(api: Api) -> None:
    lure = "Win now: https://evil.example/x"
    account = {"email": "lure@example.com", "password": PASSWORD, "name": lure}
    assert (await api.anonymous.post("/auth/signup", account)).param == "name"
    ann = await api.sign_up()
    refused = await ann.post("/workspaces", {"name": lure})
    assert (refused.status, refused.param) == (422, "name")
    workspace_id = await ann.workspace()
    assert (await ann.put(f"/workspaces/{workspace_id}", {"name": "evil.example"})).param == "name"
    await api.owner.execute("UPDATE workspaces SET name = $2 WHERE id = $1::uuid", workspace_id, lure)  # an older name
    assert (await ann.post(f"/workspaces/{workspace_id}/members", {"email": "b@example.com", "role": "viewer"})).status
    gateway = RecordingGateway()
    for row in await api.owner.fetch("DELETE FROM pgqueuer WHERE entrypoint = 'mail.send' RETURNING payload"):
        await EmailSender(Sealer([KEY]), gateway, "us@vocalized.example").send(row["payload"])
    text = gateway.messages[-1].get_content()
    assert "Win now" in text and "evil.example" not in text and "//evil" not in text
