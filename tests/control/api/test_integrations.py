"""Integrations by API key and webhook, their settings, roles, limits and syncs; types edited while they are used."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from config.catalog_integrations import shipped_integration_types
from control.integrations.grants.rules import GrantPolicy, open_credentials
from control.integrations.syncs.service import SYNC_INTEGRATION
from shared.secrets import Sealer
from tests.platform.api import Api, running_api
from tests.platform.clients import Staff, User
from tests.platform.services import KEY

pytestmark = pytest.mark.asyncio(loop_scope="module")

AVAILABLE = "/admin/integrations/available"
WEBHOOK = {
    "type": "test_webhook",
    "name": "Webhook",
    "description": "Posts events.",
    "auth_type": "webhook",
    "config": {
        "base_url": "{{config.url}}",
        "config_schema": {
            "type": "object",
            "properties": {"url": {"type": "string"}, "mode": {"enum": ["a", "b"]}},
            "required": ["url"],
            "additionalProperties": False,
        },
    },
}
CRM: dict[str, Any] = {
    "type": "test_crm",
    "name": "Test CRM",
    "description": "",
    "auth_type": "api_key",
    "config": {
        "base_url": "https://crm.example.com/v1",
        "api_key": {"name": "X-Key", "prefix": ""},
        "sync": [
            {
                "name": name,
                "record": "contact",
                "request": {"method": "GET", "path": f"/{name}"},
                "response": {"items": "", "fields": {"external_id": "/id"}},
            }
            for name in ("people", "companies")
        ],
    },
}
OAUTH: dict[str, Any] = {
    "type": "test_oauth",
    "name": "OAuth",
    "description": "",
    "auth_type": "oauth2",
    "config": {
        "base_url": "https://api.example.com",
        "oauth": {"authorize_url": "https://a.example.com/authorize", "token_url": "https://a.example.com/token"},
    },
}


@dataclass(slots=True)
class IntegratingWorkspace:
    """A workspace of Ann's."""

    api: Api
    admin: Staff
    ann: User
    workspace_id: str

    @property
    def path(self) -> str:
        return f"/workspaces/{self.workspace_id}/integrations"

    async def create(self, integration_type: str, **more: Any) -> dict[str, Any]:
        reply = await self.ann.post(self.path, {"integration_type": integration_type, **more})
        assert reply.status == 201, reply.body
        return dict(reply.body)

    async def offer(self, shipped: str) -> None:
        """Add a type like a shipped one, as `test_…`, with a client at the vendor."""
        kind = next(known for known in shipped_integration_types() if known["type"] == shipped)
        kind["config"]["oauth"] |= {"client_id": "id", "client_secret": "hidden"}
        assert (await self.admin.post(AVAILABLE, {**kind, "type": f"test_{shipped}", "is_enabled": True})).status == 201

    async def secret(self, integration_id: str) -> str:
        """What requests of the integration carry."""
        sealed = await self.api.owner.fetchval(
            "SELECT credentials FROM integrations WHERE id = $1", UUID(integration_id)
        )
        credentials = open_credentials(Sealer([KEY]), sealed)
        assert credentials is not None
        return credentials.access_token


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, grants=GrantPolicy(connections=3)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(api: Api) -> Staff:
    staff = await api.admin("super_admin")
    for body in (WEBHOOK, CRM, OAUTH):
        reply = await staff.post(AVAILABLE, body)
        assert reply.status == 201, reply.body
    return staff


@pytest_asyncio.fixture(loop_scope="module")
async def workspace(api: Api, admin: Staff) -> IntegratingWorkspace:
    ann = await api.sign_up()
    return IntegratingWorkspace(api, admin, ann, await ann.workspace())


async def test_api_key_connects_at_once_and_is_never_shown(workspace: IntegratingWorkspace) -> None:
    created = await workspace.create("test_crm", api_key="key-one")
    assert created["oauth_url"] is None and created["signing_secret"] is None
    one = created["integration"]
    assert (one["status"], one["name"]) == ("connected", "Test CRM")
    path = f"{workspace.path}/{one['id']}"
    assert "key-one" not in (await workspace.ann.get(path)).raw.decode()
    assert await workspace.secret(one["id"]) == "key-one"
    await workspace.api.owner.execute(
        "UPDATE integrations SET status = 'error', error = 'x' WHERE id = $1", UUID(one["id"])
    )
    changed = (await workspace.ann.put(path, {"api_key": "key-two", "name": "CRM"})).body["integration"]
    assert (changed["status"], changed["error"], changed["name"]) == ("connected", None, "CRM")
    assert await workspace.secret(one["id"]) == "key-two"
    logged = await workspace.api.owner.fetch(
        "SELECT action, details::text FROM audit_log WHERE resource_id = $1", one["id"]
    )
    assert [row["action"] for row in logged] == ["integration.create", "integration.update"]
    assert "key-" not in str(logged)


async def test_oauth_comes_before_the_choice_of_a_calendar_or_channel(workspace: IntegratingWorkspace) -> None:
    for kind, settings in (("google_calendar", {"calendar_id": "primary"}), ("slack", {}), ("google_sheets", {})):
        await workspace.offer(kind)
        started = await workspace.create(f"test_{kind}")
        assert started["oauth_url"] and started["integration"]["config"] == settings
    path = f"{workspace.path}/{started['integration']['id']}"
    assert (await workspace.ann.put(path, {"config": {"range": "Calls!A:F"}})).code == "setting_invalid"
    assert (await workspace.ann.put(path, {"config": {"spreadsheet_id": "1abc", "range": "Calls!A:F"}})).status == 200


async def test_shipped_rest_type_takes_an_address_and_a_key(workspace: IntegratingWorkspace) -> None:
    settings = {"base_url": "https://stock.example.com/api"}
    one = (await workspace.create("generic_rest", api_key="k", config=settings))["integration"]
    assert (one["status"], one["config"]) == ("connected", settings)
    reply = await workspace.ann.put(
        f"{workspace.path}/{one['id']}", {"config": {"base_url": "http://stock.example.com"}}
    )
    assert (reply.status, reply.code, reply.param) == (422, "setting_invalid", "config.base_url")


async def test_new_address_needs_the_key_again(workspace: IntegratingWorkspace) -> None:
    settings = {"base_url": "https://stock.example.com/api"}
    one = (await workspace.create("generic_rest", api_key="k", config=settings))["integration"]
    path, elsewhere = f"{workspace.path}/{one['id']}", {"base_url": "https://collector.example.net"}
    reply = await workspace.ann.put(path, {"config": elsewhere})
    assert (reply.status, reply.code, reply.param) == (422, "key_missing", "api_key")
    assert (await workspace.ann.get(path)).body["integration"]["config"] == settings
    assert (await workspace.ann.put(path, {"config": settings})).status == 200
    changed = (await workspace.ann.put(path, {"config": elsewhere, "api_key": "k2"})).body["integration"]
    assert changed["config"] == elsewhere and await workspace.secret(one["id"]) == "k2"


async def test_changed_settings_begin_the_syncs_anew(workspace: IntegratingWorkspace) -> None:
    settings = {"base_url": "https://a.example.com"}
    one = (await workspace.create("generic_rest", api_key="k", config=settings))["integration"]
    await workspace.api.owner.execute(
        "INSERT INTO integration_syncs (integration_id, workspace_id, positions, lease, lease_until) "
        "VALUES ($1, $2, '{\"people\": {\"since\": \"x\"}}', gen_random_uuid(), now() + interval '1 minute')",
        UUID(one["id"]), UUID(workspace.workspace_id),
    )  # fmt: skip
    read = "SELECT positions::text, lease FROM integration_syncs WHERE integration_id = $1"
    path = f"{workspace.path}/{one['id']}"
    await workspace.ann.put(path, {"name": "A"})
    assert "since" in (await workspace.api.owner.fetchrow(read, UUID(one["id"])))["positions"]
    await workspace.ann.put(path, {"config": {"base_url": "https://b.example.com"}, "api_key": "k"})
    assert tuple(await workspace.api.owner.fetchrow(read, UUID(one["id"]))) == ("{}", None)


async def test_webhook_gets_a_signing_secret_once(workspace: IntegratingWorkspace) -> None:
    created = await workspace.create("test_webhook", config={"url": "https://hooks.example.com/x"})
    assert created["signing_secret"].startswith("whsec_")
    assert await workspace.secret(created["integration"]["id"]) == created["signing_secret"]
    again = await workspace.ann.get(f"{workspace.path}/{created['integration']['id']}")
    assert created["signing_secret"] not in again.raw.decode()


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"integration_type": "nothing"}, "integration_type_unknown", "integration_type"),
        ({"integration_type": "test_crm"}, "key_missing", "api_key"),
        ({"integration_type": "test_crm", "api_key": "two words"}, "key_invalid", "api_key"),
        ({"integration_type": "test_webhook", "api_key": "x", "config": {"url": "x"}}, "key_not_used", "api_key"),
        ({"integration_type": "test_webhook"}, "setting_invalid", "config"),
        ({"integration_type": "test_webhook", "config": {"url": 1}}, "setting_invalid", "config.url"),
        ({"integration_type": "test_webhook", "config": {"url": "x", "mode": "c"}}, "setting_invalid", "config.mode"),
        ({"integration_type": "test_webhook", "config": {"url": "x", "more": 1}}, "setting_invalid", "config"),
        ({"integration_type": "test_webhook", "config": {"url": "x" * 20_000}}, "too_long", "config"),
    ],
)
async def test_faults_name_their_field(
    workspace: IntegratingWorkspace, body: dict[str, Any], code: str, param: str
) -> None:
    reply = await workspace.ann.post(workspace.path, body)
    assert (reply.status, reply.code, reply.param) == (422, code, param)


async def test_type_without_a_client_id_is_not_ready(workspace: IntegratingWorkspace) -> None:
    reply = await workspace.ann.post(workspace.path, {"integration_type": "test_oauth"})
    assert (reply.status, reply.code) == (409, "type_not_ready")
    assert (await workspace.ann.get(workspace.path)).body["total"] == 0


async def test_limit_of_connections(workspace: IntegratingWorkspace) -> None:
    for _ in range(3):
        await workspace.create("test_crm", api_key="k")
    reply = await workspace.ann.post(workspace.path, {"integration_type": "test_crm", "api_key": "k"})
    assert (reply.status, reply.code) == (409, "integration_limit")


async def test_sync_enqueues_each_declaration_once(workspace: IntegratingWorkspace) -> None:
    one = (await workspace.create("test_crm", api_key="k"))["integration"]["id"]
    first = await workspace.ann.post(f"{workspace.path}/{one}/sync")
    second = await workspace.ann.post(f"{workspace.path}/{one}/sync")
    assert first.status == 202 and first.body == second.body
    logs = (await workspace.ann.get(f"{workspace.path}/{one}/sync-logs")).body
    assert logs["total"] == 2
    assert {(log["sync_type"], log["status"]) for log in logs["logs"]} == {
        ("people", "queued"),
        ("companies", "queued"),
    }
    assert first.body["sync_log_id"] in {log["id"] for log in logs["logs"]}
    assert (await workspace.ann.get(f"{workspace.path}/{one}")).body["sync_logs"] == logs["logs"]
    (job, *_) = await workspace.api.owner.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1", SYNC_INTEGRATION)
    assert msgspec.json.decode(job["payload"]) == {"workspace_id": workspace.workspace_id, "integration_id": one}


async def test_request_does_not_shorten_the_wait_that_a_vendor_asks_for(workspace: IntegratingWorkspace) -> None:
    one = (await workspace.create("test_crm", api_key="k"))["integration"]["id"]
    path, owner = f"{workspace.path}/{one}/sync", workspace.api.owner
    count = "SELECT count(*) FROM pgqueuer WHERE entrypoint = $1"
    first = (await workspace.ann.post(path)).body
    jobs = await owner.fetchval(count, SYNC_INTEGRATION)
    for wait, more in ((timedelta(hours=1), 0), (timedelta(seconds=-1), 1)):
        await owner.execute(
            "UPDATE integration_sync_logs SET progress = jsonb_build_object('continues_at', now() + $2::interval) "
            "WHERE integration_id = $1 AND sync_type = 'people'",
            UUID(one), wait,
        )  # fmt: skip
        assert (await workspace.ann.post(path)).body == first
        assert await owner.fetchval(count, SYNC_INTEGRATION) == jobs + more


async def test_sync_needs_a_connection_and_a_declaration(workspace: IntegratingWorkspace) -> None:
    hook = (await workspace.create("test_webhook", config={"url": "x"}))["integration"]["id"]
    assert (await workspace.ann.post(f"{workspace.path}/{hook}/sync")).code == "sync_unsupported"
    await workspace.api.owner.execute("UPDATE integrations SET status = 'error' WHERE id = $1", UUID(hook))
    assert (await workspace.ann.post(f"{workspace.path}/{hook}/sync")).code == "integration_not_connected"
    assert (await workspace.ann.post(f"{workspace.path}/{hook}/reconnect")).code == "not_oauth"
    reply = await workspace.ann.put(f"{workspace.path}/{hook}", {"api_key": "k"})
    assert (reply.code, reply.param) == ("key_not_used", "api_key")


async def test_integration_of_another_workspace_is_not_found(workspace: IntegratingWorkspace) -> None:
    one = (await workspace.create("test_crm", api_key="k"))["integration"]["id"]
    bob = await workspace.api.sign_up()
    other = f"/workspaces/{await bob.workspace()}/integrations/{one}"
    for reply in (
        await bob.get(other), await bob.put(other, {"name": "B"}), await bob.delete(other),
        await bob.post(f"{other}/sync"), await bob.get(f"{other}/sync-logs"), await bob.post(f"{other}/reconnect"),
    ):  # fmt: skip
        assert (reply.status, reply.code) == (404, "integration_not_found")
    assert (await workspace.ann.delete(f"{workspace.path}/{one}")).status == 204


async def test_customers_see_enabled_types_without_their_addresses(workspace: IntegratingWorkspace) -> None:
    reply = await workspace.ann.get(f"/workspaces/{workspace.workspace_id}/integration-types")
    listed = {integration_type["type"]: integration_type for integration_type in reply.body["integration_types"]}
    assert {"test_crm", "test_webhook", "generic_rest"} <= set(listed) and "slack" not in listed
    assert listed["generic_rest"]["actions"] == ["get_resource", "create_resource"]
    assert b"crm.example.com" not in reply.raw
    found = {action_detail["name"]: action_detail for action_detail in listed["generic_rest"]["action_details"]}
    assert found["get_resource"]["read_only"] and not found["create_resource"]["read_only"]
    assert found["get_resource"]["input_schema"]["required"] == ["resource", "id"]


async def test_agent_gets_actions_of_its_workspace_and_lookups_by_its_admins(workspace: IntegratingWorkspace) -> None:
    settings = {"base_url": "https://shop.example.com"}
    made = await workspace.create("generic_rest", api_key="k", config=settings)
    properties = {"resource": {"type": "string"}, "id": {"type": "string"}}
    tool = {
        "name": "find_order", "description": "Finds an order.", "action": "get_resource",
        "integration_id": made["integration"]["id"], "allow_free_lookup": True,
        "parameters": {"type": "object", "properties": properties, "required": ["resource", "id"]},
    }  # fmt: skip
    path = f"/workspaces/{workspace.workspace_id}/agents"
    bo = await workspace.api.member(workspace.workspace_id, "member")
    body = {"name": "Desk", "config": {"action_tools": [tool]}}
    reply = await bo.post(path, body)
    assert (reply.status, reply.code, reply.param) == (403, "lookup_not_allowed", "config.action_tools")
    reply = await workspace.ann.post(path, body)
    assert (reply.status, reply.body["agent"]["config"]["action_tools"][0]["timeout_s"]) == (201, 8)
    agent = f"{path}/{reply.body['agent']['id']}"
    assert (await bo.put(agent, {"config": {"greeting": "Hello."}})).status == 200, "what was allowed stays allowed"
    for change, code, param in (
        ({"action": "fly"}, "action_unknown", "action"),
        ({"allow_free_lookup": False}, "action_arguments_unfit", "arguments"),
        ({"timeout_s": 21}, "invalid", "timeout_s"),
    ):
        reply = await workspace.ann.put(agent, {"config": {"action_tools": [tool | change]}})
        assert (reply.status, reply.code, reply.param) == (422, code, f"config.action_tools.0.{param}")


async def test_usage_counts_workspaces_and_syncs(workspace: IntegratingWorkspace) -> None:
    await workspace.api.owner.execute("DELETE FROM integrations")
    for _ in range(2):
        one = (await workspace.create("test_crm", api_key="k"))["integration"]["id"]
    await workspace.ann.post(f"{workspace.path}/{one}/sync")
    usage = (await workspace.admin.get("/admin/integrations/usage")).body["by_type"]
    assert usage[0] == {"integration_type": "test_crm", "workspaces_using": 1, "total_syncs": 2}
    assert {"integration_type": "slack", "workspaces_using": 0, "total_syncs": 0} in usage


async def test_type_is_edited_while_it_is_used(workspace: IntegratingWorkspace) -> None:
    path, oauth = f"{AVAILABLE}/test_oauth", OAUTH["config"]["oauth"]
    config = {**OAUTH["config"], "oauth": {**oauth, "client_id": "id-1", "client_secret": "hidden"}}
    detail = (await workspace.admin.put(path, {"config": config})).body["integration"]
    assert (detail["has_client_secret"], detail["version"]) == (True, 2)
    assert detail["redirect_uri"].endswith("/integrations/oauth/callback/test_oauth")
    url = (await workspace.create("test_oauth"))["oauth_url"]
    assert url.startswith("https://a.example.com/authorize?") and "client_id=id-1" in url
    without = {**config, "oauth": {**oauth, "client_id": "id-2"}}
    kept = await workspace.admin.put(path, {"config": without})
    assert kept.body["integration"]["has_client_secret"] and b"hidden" not in kept.raw
    removed = {**config, "oauth": {**oauth, "client_secret": None}}
    assert not (await workspace.admin.put(path, {"config": removed})).body["integration"]["has_client_secret"]
    assert (await workspace.admin.put(path, {"is_enabled": False})).body["integration"]["is_enabled"] is False
    reply = await workspace.ann.post(workspace.path, {"integration_type": "test_oauth"})
    assert reply.code == "integration_type_unknown"
    assert (await workspace.admin.put(path, {"is_enabled": True, "config": OAUTH["config"]})).status == 200
    logged = await workspace.api.owner.fetch("SELECT details::text FROM audit_log WHERE resource_id = 'test_oauth'")
    assert len(logged) == 6 and "hidden" not in str(logged)


async def test_deleting_a_used_or_shipped_type_disables_it(workspace: IntegratingWorkspace) -> None:
    await workspace.create("test_webhook", config={"url": "x"})
    for name in ("test_webhook", "slack"):
        assert (await workspace.admin.delete(f"{AVAILABLE}/{name}")).status == 204
        assert (await workspace.admin.get(f"{AVAILABLE}/{name}")).body["integration"]["is_enabled"] is False
    await workspace.admin.put(f"{AVAILABLE}/test_webhook", {"is_enabled": True})
    await workspace.admin.post(AVAILABLE, {**CRM, "type": "unused"})
    assert (await workspace.admin.delete(f"{AVAILABLE}/unused")).status == 204
    assert (await workspace.admin.get(f"{AVAILABLE}/unused")).code == "integration_type_not_found"


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"type": "test_crm"}, 409, "integration_type_exists", "type"),
        ({"type": "Bad Name"}, 422, "invalid", "type"),
        ({"config": {**CRM["config"], "base_url": "https://127.0.0.1/x"}}, 422, "address_invalid", "config.base_url"),
        ({"config": {}}, 422, "invalid", "config.base_url"),
        ({"auth_type": "oauth2"}, 422, "invalid", "config.oauth"),
    ],
)
async def test_faults_of_a_type_name_their_field(
    admin: Staff, change: dict[str, Any], status: int, code: str, param: str
) -> None:
    reply = await admin.post(AVAILABLE, {**CRM, "type": "fresh", **change})
    assert (reply.status, reply.code, reply.param) == (status, code, param), reply.body


async def test_operations_are_imported(admin: Staff) -> None:
    document = {"openapi": "3.1.0", "paths": {"/people/{id}": {"get": {
        "operationId": "getPerson", "parameters": [{"name": "id", "in": "path", "required": True}],
    }}}}  # fmt: skip
    reply = await admin.post("/admin/integrations/actions", {"document": document, "operations": ["getPerson", "x"]})
    assert reply.body["skipped"] == {"x": "the document has no such operation"}
    config = {**CRM["config"], "actions": reply.body["actions"]}
    made = await admin.post(AVAILABLE, {**CRM, "type": "imported", "config": config})
    assert made.status == 201, made.body
    assert (
        await admin.post("/admin/integrations/actions", {"document": {}, "operations": ["x"]})
    ).code == "document_invalid"
