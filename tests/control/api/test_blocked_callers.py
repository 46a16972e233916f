"""Blocked callers in the API."""

from uuid import UUID

import pytest

from control.calls.blocked_callers.service import MOST_BLOCKED
from tests.platform.api import running_api


async def test_callers_are_blocked_listed_and_unblocked(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        workspace_id = await ann.workspace()
        path = f"/workspaces/{workspace_id}/blocked-callers"
        first = await ann.post(path, {"caller": "+14155550123", "note": " Sales calls "})
        assert first.status == 201
        blocked = first.body["blocked_caller"]
        assert (blocked["caller"], blocked["note"]) == ("+14155550123", "Sales calls")
        assert (await ann.post(path, {"caller": "anonymous"})).status == 201
        again = await ann.post(path, {"caller": "+14155550123"})
        assert (again.status, again.body["error"]["code"], again.body["error"]["param"]) == (
            409, "caller_blocked", "caller",
        )  # fmt: skip
        page = (await ann.get(f"{path}?limit=1")).body
        assert (page["total"], [blocked_caller["caller"] for blocked_caller in page["blocked_callers"]]) == (
            2,
            ["anonymous"],
        )
        found = (await ann.get(f"{path}?caller=%2B14155550123")).body
        assert (found["total"], found["blocked_callers"]) == (1, [blocked])
        assert (await ann.delete(f"{path}/{blocked['id']}")).status == 204
        assert (await ann.delete(f"{path}/{blocked['id']}")).body["error"]["code"] == "blocked_caller_not_found"
        rows = await api.owner.fetch(
            "SELECT action, details FROM audit_log WHERE resource_id = $1 ORDER BY at", blocked["id"]
        )
        assert [(row["action"], row["details"]) for row in rows] == [
            ("caller.block", {"after": {"caller": "+141***23"}}),
            ("caller.unblock", {"before": {"caller": "+141***23"}}),
        ]


@pytest.mark.parametrize("caller", ["", "4155550123", "+0123456789", "Anonymous", "+14155550123 "])
async def test_other_forms_of_a_caller_are_refused(database_url: str, valkey_url: str, caller: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        reply = await ann.post(f"/workspaces/{await ann.workspace()}/blocked-callers", {"caller": caller})
        assert (reply.status, reply.body["error"]["param"]) == (422, "caller")


async def test_the_list_is_bounded(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        ann = await api.sign_up()
        workspace_id = await ann.workspace()
        await api.owner.execute(
            "INSERT INTO blocked_callers (id, workspace_id, caller) "
            "SELECT gen_random_uuid(), $1, '+1' || (4155550000 + n) FROM generate_series(1, $2) n",
            UUID(workspace_id), MOST_BLOCKED,
        )  # fmt: skip
        reply = await ann.post(f"/workspaces/{workspace_id}/blocked-callers", {"caller": "anonymous"})
        assert (reply.status, reply.body["error"]["code"]) == (409, "blocked_caller_limit")
