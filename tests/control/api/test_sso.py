"""Single sign-on over the API, at a provider that others wrote."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from aiohttp import ClientSession

from control.db.pool import open_pool
from control.sso import queries as sso_queries
from control.sso.rules import SsoPolicy
from shared.ids import new_id
from tests.control.sso.dns_peer import NameServer, name_server
from tests.control.sso.provider import Provider, running_provider
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.bus_node import wait_until
from tests.platform.clients import Reply, User

DOMAIN = "acme.example"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider() as running:
        yield running


@pytest.fixture
async def provider(issuer: str) -> AsyncIterator[Provider]:
    async with ClientSession() as client:
        yield Provider(issuer, client)


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as server:
        yield server


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str, names: NameServer) -> AsyncIterator[Api]:
    policy = SsoPolicy(name_servers=(names.address,), lookup_s=0.5)
    async with running_api(fresh_database_url, valkey_url, egress_allow=("127.0.0.0/8",), sso=policy) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace with single sign-on, and its owner."""

    owner: User
    id: str
    path: str
    issuer: str

    async def change(self, **changes: Any) -> Reply:
        settings = {"issuer": self.issuer, "client_id": "vocalized", "client_secret": "secret"}
        return await self.owner.put(self.path, settings | changes)


async def make_tenant(api: Api, names: NameServer, issuer: str, domain: str = DOMAIN) -> Tenant:
    """A workspace whose domain is proven."""
    owner = await api.sign_up()
    workspace_id = await owner.workspace()
    tenant = Tenant(owner, workspace_id, f"/workspaces/{workspace_id}/sso", issuer)
    assert (await tenant.change()).status == 200
    await prove(tenant, names, domain)
    return tenant


async def prove(tenant: Tenant, names: NameServer, domain: str) -> str:
    added = await tenant.owner.post(f"{tenant.path}/domains", {"domain": domain})
    assert added.status == 201, added.body
    record = added.body["domain"]
    names.records[record["record_name"]] = ["other", record["record_value"]]
    proven = await tenant.owner.post(f"{tenant.path}/domains/{record['id']}/prove")
    assert proven.status == 200 and proven.body["domain"]["verified_at"], proven.body
    domain_id: str = record["id"]
    return domain_id


async def begin(api: Api, email: str) -> dict[str, str]:
    reply = await api.anonymous.post("/auth/sso/begin", {"email": email})
    assert reply.status == 200, reply.body
    found: dict[str, str] = reply.body
    return found


async def sign_in(api: Api, provider: Provider, email: str, subject: str) -> Reply:
    begun = await begin(api, email)
    returned = await provider.sign_in(begun["authorize_url"], subject)
    return await api.anonymous.post("/auth/sso/complete", returned | {"flow_token": begun["flow_token"]})


async def test_a_new_person_becomes_a_member(api: Api, provider: Provider, names: NameServer) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    await provider.add_person("p1", email=f"Ada@{DOMAIN}", name="Ada of https://evil.example", email_verified=True)
    done = await sign_in(api, provider, f"ada@{DOMAIN}", "p1")
    assert done.status == 200, done.body
    assert done.body["user"]["email"] == f"ada@{DOMAIN}" and done.body["user"]["is_verified"]
    assert "://" not in done.body["user"]["name"]
    ada = User(api.anonymous, f"ada@{DOMAIN}", done.body)
    assert (await ada.get(f"/workspaces/{tenant.id}")).body["workspace"]["role"] == "member"
    again = await sign_in(api, provider, f"ada@{DOMAIN}", "p1")
    assert again.body["user"]["id"] == ada.id
    await provider.add_person("p1", email=f"renamed@{DOMAIN}", email_verified=True)
    renamed = await sign_in(api, provider, f"ada@{DOMAIN}", "p1")
    assert renamed.body["user"]["id"] == ada.id  # the subject decides, not the address
    actions = await api.owner.fetch("SELECT action FROM audit_log WHERE workspace_id = $1::uuid ORDER BY id", tenant.id)
    # Those of one transaction may have ids of one millisecond, in any order.
    assert sorted(row["action"] for row in actions[-4:]) == ["member.join", *["user.sso_sign_in"] * 3]


async def test_a_session_by_single_sign_on_is_good_in_its_workspace_only(
    api: Api, provider: Provider, names: NameServer
) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    bob = await api.sign_up(f"bob@{DOMAIN}")
    own = await bob.workspace()
    await provider.add_person("bob", email=f"bob@{DOMAIN}")
    by_sso = User(api.anonymous, bob.email, (await sign_in(api, provider, bob.email, "bob")).body)
    assert by_sso.id == bob.id
    assert (await by_sso.get(f"/workspaces/{tenant.id}")).status == 200
    refused = await by_sso.get(f"/workspaces/{own}")
    assert (refused.status, refused.code) == (403, "sso_of_another_workspace")
    assert (await bob.get(f"/workspaces/{own}")).status == 200
    refreshed = await api.anonymous.post("/auth/refresh", {"refresh_token": by_sso.refresh_token})
    assert (await api.with_token(refreshed.body["token"]).get(f"/workspaces/{own}")).status == 403


async def test_enforced_single_sign_on_spares_owners(api: Api, provider: Provider, names: NameServer) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    inside, outside = await api.sign_up(f"in@{DOMAIN}"), await api.sign_up()
    boss = await api.sign_up(f"boss@{DOMAIN}")
    for person, role in ((inside, "admin"), (outside, "member"), (boss, "owner")):
        await api.join(tenant.id, person, role)  # type: ignore[arg-type]  # the roles are right
    assert (await tenant.change(is_enforced=True, client_secret=None)).body["connection"]["is_enforced"]
    refused = await inside.get(f"/workspaces/{tenant.id}")
    assert (refused.status, refused.code) == (403, "sso_required")
    assert (await (await api.sign_in(inside.email)).get(f"/workspaces/{tenant.id}")).code == "sso_required"
    for person in (outside, boss, tenant.owner):
        assert (await person.get(f"/workspaces/{tenant.id}")).status == 200
    await provider.add_person("in", email=inside.email)
    by_sso = User(api.anonymous, inside.email, (await sign_in(api, provider, inside.email, "in")).body)
    assert (await by_sso.get(f"/workspaces/{tenant.id}")).body["workspace"]["role"] == "admin"


async def test_single_sign_on_stands_for_a_second_factor(api: Api, provider: Provider, names: NameServer) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    await api.owner.execute(
        """UPDATE workspaces SET settings = '{"second_factor_required": true}' WHERE id = $1::uuid""", tenant.id
    )
    assert (await tenant.owner.get(tenant.path)).code == "second_factor_required"
    await provider.add_person("cy", email=f"cy@{DOMAIN}")
    cy = User(api.anonymous, f"cy@{DOMAIN}", (await sign_in(api, provider, f"cy@{DOMAIN}", "cy")).body)
    assert (await cy.get(f"/workspaces/{tenant.id}")).status == 200


async def test_a_sign_in_is_completed_once_by_the_client_that_began(
    api: Api, provider: Provider, names: NameServer
) -> None:
    await make_tenant(api, names, provider.issuer)
    await provider.add_person("dot", email=f"dot@{DOMAIN}")
    begun, other = await begin(api, f"dot@{DOMAIN}"), await begin(api, f"dot@{DOMAIN}")
    returned = await provider.sign_in(begun["authorize_url"], "dot")
    stolen = await api.anonymous.post("/auth/sso/complete", returned | {"flow_token": other["flow_token"]})
    assert (stolen.status, stolen.code) == (401, "sso_over")
    body = returned | {"flow_token": begun["flow_token"]}
    assert (await api.anonymous.post("/auth/sso/complete", body)).status == 200
    assert (await api.anonymous.post("/auth/sso/complete", body)).code == "sso_over"
    another = await provider.sign_in(other["authorize_url"], "dot")
    mixed = another | {"code": returned["code"], "flow_token": other["flow_token"]}
    assert (await api.anonymous.post("/auth/sso/complete", mixed)).code == "sso_refused"  # a code is good once
    third = await begin(api, f"dot@{DOMAIN}")
    returned = await provider.sign_in(third["authorize_url"], "dot")
    elsewhere = returned | {"flow_token": third["flow_token"], "iss": "https://evil.example"}
    assert (await api.anonymous.post("/auth/sso/complete", elsewhere)).code == "issuer_mismatch"


async def test_another_workspaces_provider_gets_no_code(api: Api, provider: Provider, names: NameServer) -> None:
    """Mix-up (RFC 9700, 4.4): a person begins at a provider that leads the browser on to another workspace's, with the
    state of the first. Its code is for the other one; ours would hand it to the first."""
    acme = await make_tenant(api, names, provider.issuer)
    evil = await make_tenant(api, names, provider.issuer, "evil.example")
    await provider.add_person("ann", email=f"ann@{DOMAIN}")
    own, led = await begin(api, "ann@evil.example"), await begin(api, f"ann@{DOMAIN}")
    addresses = [parse_qs(urlsplit(one["authorize_url"]).query)["redirect_uri"][0] for one in (own, led)]
    assert addresses == [f"https://app.example.com/sso/callback/{tenant.id}" for tenant in (evil, acme)]
    honest = await provider.sign_in(led["authorize_url"], "ann")
    state = parse_qs(urlsplit(own["authorize_url"]).query)["state"][0]
    led_on = honest | {"state": state, "flow_token": own["flow_token"]}
    refused = await api.anonymous.post("/auth/sso/complete", led_on)
    assert (refused.status, refused.code, refused.param) == (422, "issuer_mismatch", "callback_id")
    used_up = await api.anonymous.post("/auth/sso/complete", led_on | {"callback_id": evil.id})
    assert used_up.code == "sso_over"


async def test_a_removed_domain_signs_its_people_out(api: Api, provider: Provider, names: NameServer) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    other = await prove(tenant, names, "second.example")
    people = {}
    for subject, email in (("kim", f"kim@{DOMAIN}"), ("lea", "lea@second.example")):
        await provider.add_person(subject, email=email)
        people[subject] = User(api.anonymous, email, (await sign_in(api, provider, email, subject)).body)
    assert (await tenant.owner.delete(f"{tenant.path}/domains/{other}")).status == 204
    assert (await people["lea"].get("/auth/me")).code == "session_over"
    refreshed = await api.anonymous.post("/auth/refresh", {"refresh_token": people["lea"].refresh_token})
    assert refreshed.status == 401
    assert (await people["kim"].get(f"/workspaces/{tenant.id}")).status == 200
    assert (await tenant.owner.get("/auth/me")).status == 200


async def test_a_sign_in_at_the_moment_of_the_removal_is_signed_out_too(
    api: Api, provider: Provider, names: NameServer, fresh_database_url: str
) -> None:
    """The removal waits for what the sign-in stores, and then sees it."""
    tenant = await make_tenant(api, names, provider.issuer)
    moe, session = await api.sign_up(f"moe@{DOMAIN}"), UUID(new_id())
    (domain,) = (await tenant.owner.get(f"{tenant.path}/domains")).body["domains"]
    workspace_id, now = UUID(tenant.id), datetime.now(UTC)
    async with (
        open_pool(fresh_database_url, size=1, role=None) as pool,
        pool.transaction() as db,
    ):
        assert await sso_queries.lock_verified(db, workspace_id, DOMAIN)
        removal = asyncio.create_task(tenant.owner.delete(f"{tenant.path}/domains/{domain['id']}"))
        await wait_until(lambda: api.owner.fetchval("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"))
        await sso_queries.insert_identity(db, workspace_id, "moe", UUID(moe.id), now)
        await db.execute(
            "INSERT INTO sessions (id, user_id, expires_at, sso_workspace_id) "
            "VALUES ($1, $2, now() + interval '1 hour', $3)",
            session, UUID(moe.id), workspace_id,
        )  # fmt: skip
    assert (await removal).status == 204
    assert await api.owner.fetchval("SELECT revoked_at FROM sessions WHERE id = $1", session)


async def test_a_provider_speaks_for_proven_domains_only(api: Api, provider: Provider, names: NameServer) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    victim = await api.sign_up("victim@other.example")
    await provider.add_person("eve", email=victim.email, email_verified=True)
    refused = await sign_in(api, provider, f"eve@{DOMAIN}", "eve")
    assert (refused.status, refused.code) == (403, "sso_domain")
    await provider.add_person("unverified", email=f"fay@{DOMAIN}", email_verified=False)
    assert (await sign_in(api, provider, f"fay@{DOMAIN}", "unverified")).code == "sso_refused"
    rival = await make_tenant(api, names, provider.issuer, "rival.example")
    taken = await rival.owner.post(f"{rival.path}/domains", {"domain": DOMAIN})
    names.records[taken.body["domain"]["record_name"]] = [taken.body["domain"]["record_value"]]
    proof = f"{rival.path}/domains/{taken.body['domain']['id']}/prove"
    assert (await rival.owner.post(proof)).code == "domain_taken"
    (domain,) = (await tenant.owner.get(f"{tenant.path}/domains")).body["domains"]
    assert (await tenant.owner.delete(f"{tenant.path}/domains/{domain['id']}")).status == 204
    assert (await api.anonymous.post("/auth/sso/begin", {"email": f"ada@{DOMAIN}"})).code == "sso_not_found"
    assert (await rival.owner.post(proof)).status == 200


async def test_a_domain_is_proven_by_its_record(api: Api, provider: Provider, names: NameServer) -> None:
    tenant = await make_tenant(api, names, provider.issuer, "first.example")
    added = await tenant.owner.post(f"{tenant.path}/domains", {"domain": " Second.Example. "})
    domain = added.body["domain"]
    assert domain["domain"] == "second.example" and domain["record_name"] == "_vocalized-challenge.second.example"
    proof = f"{tenant.path}/domains/{domain['id']}/prove"
    assert (await tenant.owner.post(proof)).code == "proof_missing"
    names.records[domain["record_name"]] = [domain["record_value"] + "x"]
    assert (await tenant.owner.post(proof)).code == "proof_missing"
    names.is_silent = True
    assert (await tenant.owner.post(proof)).code == "proof_unavailable"
    names.is_silent = False
    names.records[domain["record_name"]] = [domain["record_value"]]
    assert (await tenant.owner.post(proof)).status == 200
    assert (await tenant.owner.post(f"{tenant.path}/domains", {"domain": "second.example"})).code == "domain_exists"
    for wrong in ("localhost", "127.0.0.1", "a b.example", "-x.example", "müller.example"):
        assert (await tenant.owner.post(f"{tenant.path}/domains", {"domain": wrong})).code == "domain_invalid", wrong


async def test_settings_are_the_owners_and_keep_their_secret(api: Api, provider: Provider, names: NameServer) -> None:
    owner, admin = await api.sign_up(), await api.sign_up()
    workspace_id = await owner.workspace()
    await api.join(workspace_id, admin, "admin")
    tenant = Tenant(owner, workspace_id, f"/workspaces/{workspace_id}/sso", provider.issuer)
    shown = (await owner.get(tenant.path)).body
    assert shown == {"connection": None, "redirect_uri": f"https://app.example.com/sso/callback/{workspace_id}"}
    assert (await tenant.change(client_secret=None)).code == "client_secret_missing"
    assert (await tenant.change(is_enforced=True)).code == "domain_unproven"
    for issuer in ("http://127.0.0.1:9", "https://10.1.2.3", "ftp://x.example", f"{provider.issuer}/"):
        refused = await tenant.change(issuer=issuer)
        assert (refused.code, refused.param) == ("issuer_refused", "issuer"), issuer
    saved = await tenant.change(client_secret="a very secret secret")
    assert saved.status == 200 and b"very secret" not in saved.raw
    assert b"very secret" not in (await admin.get(tenant.path)).raw
    stored = await api.owner.fetchval(
        "SELECT client_secret FROM sso_connections WHERE workspace_id = $1::uuid", workspace_id
    )
    assert b"very secret" not in stored
    audit = await api.owner.fetch("SELECT details::text FROM audit_log WHERE workspace_id = $1::uuid", workspace_id)
    assert not any("very secret" in row["details"] for row in audit)
    assert (await admin.put(tenant.path, {"issuer": provider.issuer, "client_id": "x"})).code == "role"
    assert (await owner.delete(tenant.path)).status == 204
    assert (await owner.delete(tenant.path)).code == "sso_not_found"


async def test_another_provider_signs_people_out(api: Api, provider: Provider, names: NameServer) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    await provider.add_person("gus", email=f"gus@{DOMAIN}")
    gus = User(api.anonymous, f"gus@{DOMAIN}", (await sign_in(api, provider, f"gus@{DOMAIN}", "gus")).body)
    assert (await tenant.change(default_role="viewer", client_secret=None)).status == 200
    assert (await gus.get("/auth/me")).status == 200
    begun = await begin(api, f"gus@{DOMAIN}")
    assert (await tenant.change(client_id="another")).status == 200
    assert (await gus.get("/auth/me")).code == "session_over"
    returned = await provider.sign_in(begun["authorize_url"], "gus")
    late = await api.anonymous.post("/auth/sso/complete", returned | {"flow_token": begun["flow_token"]})
    assert late.status == 401
    assert (await tenant.owner.delete(tenant.path)).status == 204
    assert (await api.anonymous.post("/auth/sso/begin", {"email": f"gus@{DOMAIN}"})).code == "sso_not_found"


async def test_who_made_an_account_with_a_persons_address_loses_it(
    api: Api, provider: Provider, names: NameServer
) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    password = {"email": f"ivy@{DOMAIN}", "password": PASSWORD}
    made = await api.anonymous.post("/auth/signup", password | {"name": "Mallory"})
    assert made.status == 201 and not made.body["user"]["is_verified"], made.body
    await provider.add_person("ivy", email=password["email"])
    ivy = User(api.anonymous, password["email"], (await sign_in(api, provider, password["email"], "ivy")).body)
    assert (await ivy.get(f"/workspaces/{tenant.id}")).status == 200
    assert (await api.with_token(made.body["token"]).get("/auth/me")).code == "session_over"
    assert (await api.anonymous.post("/auth/login", password)).code == "invalid_credentials"
    assert (await sign_in(api, provider, password["email"], "ivy")).body["user"]["id"] == ivy.id
    assert (await ivy.get("/auth/me")).status == 200  # a verified account is left as it is


async def test_an_address_that_was_given_to_somebody_else_opens_no_account(
    api: Api, provider: Provider, names: NameServer
) -> None:
    tenant = await make_tenant(api, names, provider.issuer)
    await provider.add_person("jan-1", email=f"jan@{DOMAIN}")
    jan = (await sign_in(api, provider, f"jan@{DOMAIN}", "jan-1")).body["user"]["id"]
    await provider.add_person("jan-2", email=f"jan@{DOMAIN}")
    refused = await sign_in(api, provider, f"jan@{DOMAIN}", "jan-2")
    assert (refused.status, refused.code) == (403, "sso_other_person")
    assert (await tenant.owner.delete(f"/workspaces/{tenant.id}/members/{jan}")).status == 204
    assert (await sign_in(api, provider, f"jan@{DOMAIN}", "jan-2")).status == 200


async def test_a_deactivated_person_stays_out(api: Api, provider: Provider, names: NameServer) -> None:
    await make_tenant(api, names, provider.issuer)
    hal = await api.sign_up(f"hal@{DOMAIN}")
    await api.owner.execute("UPDATE users SET is_active = false WHERE id = $1::uuid", hal.id)
    await provider.add_person("hal", email=hal.email)
    refused = await sign_in(api, provider, hal.email, "hal")
    assert (refused.status, refused.code) == (403, "account_deactivated")
    assert (await api.anonymous.post("/auth/login", {"email": hal.email, "password": PASSWORD})).status == 403
