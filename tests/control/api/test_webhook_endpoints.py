"""Webhook endpoints in the API: secrets, addresses, deliveries, replays, roles, other tenants."""

from typing import Any

import pytest

from control.outbound_webhooks.service import MOST_ENDPOINTS
from tests.platform.api import Api, running_api

URL = "https://example.com/hooks?key=s3cret-path"


async def create(api: Api, **fields: Any) -> tuple[Any, str, dict[str, Any]]:
    """An owner, the path of the workspace's endpoints, and what creating one answered."""
    ann = await api.sign_up()
    path = f"/workspaces/{await ann.workspace()}/webhook-endpoints"
    reply = await ann.post(path, {"url": URL, **fields})
    assert reply.status == 201, reply.body
    return ann, path, reply.body


async def test_secret_is_shown_once_and_never_logged(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann, path, made = await create(api, event_types=["call.ended"], description="Desk")
        secret, endpoint = made["webhook_secret"], made["webhook_endpoint"]
        here = f"{path}/{endpoint['id']}"
        assert secret.startswith("whsec_") and endpoint["event_types"] == ["call.ended"]
        rotated = (await ann.post(f"{here}/rotate-secret", {})).body
        assert rotated["webhook_secret"] != secret and rotated["webhook_endpoint"]["old_secret_until"]
        at_once = (await ann.post(f"{here}/rotate-secret", {"at_once": True})).body
        assert at_once["webhook_endpoint"]["old_secret_until"] is None
        shown = [(await ann.get(path)).body, (await ann.get(here)).body, endpoint]
        stored = await api.owner.fetch("SELECT to_jsonb(e)::text FROM outbound_webhook_endpoints e")
        logged = await api.owner.fetch("SELECT details::text FROM audit_log WHERE action LIKE 'webhook_endpoint.%'")
        assert len(logged) == 3
        for one in (secret, rotated["webhook_secret"], at_once["webhook_secret"]):
            assert one not in f"{shown}{stored}{logged}"
        assert "s3cret-path" not in str(logged)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"url": "http://example.com/"}, "address_refused", "url"),
        ({"url": "https://169.254.169.254/latest"}, "address_refused", "url"),
        ({"url": "wss://example.com/"}, "address_refused", "url"),
        ({"url": "https://user:pass@example.com/"}, "address_refused", "url"),
        ({"url": "https://example.com:25/"}, "address_refused", "url"),
        ({"url": ""}, "invalid", "url"),
        ({"event_types": ["call.exploded"]}, "invalid", "event_types.0"),
        ({"event_types": ["webhook.test"]}, "invalid", "event_types.0"),
        ({"description": "a\nb"}, "invalid", "description"),
        ({"secret": "x"}, "invalid", "secret"),
    ],
)
async def test_invalid_endpoint_names_the_field(
    database_url: str, valkey_url: str, change: dict[str, Any], code: str, param: str
) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        path = f"/workspaces/{await ann.workspace()}/webhook-endpoints"
        reply = await ann.post(path, {"url": URL, **change})
        assert (reply.status, reply.code, reply.param) == (422, code, param), reply.body


async def test_deliveries_tests_and_replays(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann, path, made = await create(api, event_types=["call.ended"])
        here = f"{path}/{made['webhook_endpoint']['id']}"
        tested = await ann.post(f"{here}/test")
        assert tested.status == 202
        (row,) = (await ann.get(f"{here}/deliveries")).body["webhook_deliveries"]
        assert (row["event_id"], row["event_type"], row["status"]) == (
            tested.body["event_id"], "webhook.test", "pending",
        )  # fmt: skip
        found = (await ann.get(f"{here}/deliveries/{row['id']}")).body
        assert found["data"] == {"webhook_endpoint_id": made["webhook_endpoint"]["id"]} and found["attempts"] == []
        await api.owner.execute(
            "UPDATE outbound_webhook_deliveries SET status = 'failed', failures = 9, finished_at = now()"
        )
        assert (await ann.get(f"{here}/deliveries", params={"status": "pending"})).body["total"] == 0
        since = {"since": row["created_at"]}
        assert (await ann.post(f"{here}/replay", {"since": "2099-01-01T00:00:00Z"})).body == {"replayed": 0}
        assert (await ann.post(f"{here}/replay", since)).body == {"replayed": 1}
        assert (await ann.post(f"{here}/replay", since)).body == {"replayed": 0}  # it is pending
        await api.owner.execute("UPDATE outbound_webhook_deliveries SET status = 'delivered', finished_at = now()")
        assert (await ann.post(f"{here}/replay", since)).body == {"replayed": 0}
        assert (await ann.post(f"{here}/replay", since | {"with_delivered": True})).body == {"replayed": 1}
        assert (await ann.post(f"{here}/deliveries/{row['id']}/replay")).body == {"replayed": 1}
        (row,) = (await ann.get(f"{here}/deliveries")).body["webhook_deliveries"]
        assert (row["status"], row["finished_at"]) == ("pending", None)
        assert (await ann.put(here, {"is_enabled": False})).status == 200
        for action in ("test", f"deliveries/{row['id']}/replay"):
            assert (await ann.post(f"{here}/{action}")).code == "webhook_endpoint_disabled"
        assert (await ann.delete(here)).status == 204
        assert (await ann.get(f"{here}/deliveries")).code == "webhook_endpoint_not_found"


async def test_enabling_forgets_why_it_was_disabled(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann, path, made = await create(api)
        here = f"{path}/{made['webhook_endpoint']['id']}"
        assert made["webhook_endpoint"]["event_types"] is None
        await api.owner.execute(
            "UPDATE outbound_webhook_endpoints SET is_enabled = false, disabled_reason = 'failing',"
            " failing_since = now() - interval '6 days'"
        )
        changed = (await ann.put(here, {"description": "New"})).body["webhook_endpoint"]
        assert (changed["disabled_reason"], changed["is_enabled"]) == ("failing", False)
        changed = (await ann.put(here, {"is_enabled": True})).body["webhook_endpoint"]
        assert (changed["disabled_reason"], changed["failing_since"], changed["is_enabled"]) == (None, None, True)


async def test_other_roles_and_other_tenants_see_nothing(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann, path, made = await create(api)
        here = f"{path}/{made['webhook_endpoint']['id']}"
        await ann.post(f"{here}/test")
        (row,) = (await ann.get(f"{here}/deliveries")).body["webhook_deliveries"]
        delivery = f"{here}/deliveries/{row['id']}"
        member = await api.member(path.split("/")[2], "member")
        for url in (path, here, f"{here}/deliveries", delivery):
            assert (await member.get(url)).status == 403
        bob = await api.sign_up()
        own = f"/workspaces/{await bob.workspace()}/webhook-endpoints"
        theirs = (await bob.post(own, {"url": URL})).body["webhook_endpoint"]["id"]
        for url in (here, delivery):
            moved = url.replace(path, own)
            assert (await bob.get(moved)).code == "webhook_endpoint_not_found"
        stolen = f"{own}/{theirs}/deliveries/{row['id']}"
        assert (await bob.get(stolen)).code == "webhook_delivery_not_found"
        assert (await bob.post(f"{stolen}/replay")).code == "webhook_delivery_not_found"
        assert (await bob.delete(here.replace(path, own))).code == "webhook_endpoint_not_found"


async def test_workspace_has_a_limit_of_endpoints(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann, path, _ = await create(api)
        await api.owner.execute(
            "INSERT INTO outbound_webhook_endpoints SELECT gen_random_uuid(), workspace_id, url, description,"
            " event_types, false, NULL, sealed_secret, NULL, NULL, NULL, created_at, updated_at"
            " FROM outbound_webhook_endpoints, generate_series(2, $1) n WHERE workspace_id::text = $2",
            MOST_ENDPOINTS, path.split("/")[2],
        )  # fmt: skip
        assert (await ann.post(path, {"url": URL})).code == "webhook_endpoint_limit"
