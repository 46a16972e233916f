"""Campaigns over the API: settings, status, recipients by rows and by file, progress, results."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import running_api

UNKNOWN = "00000000-0000-7000-8000-000000000000"
FILE = """Phone;Full name;timezone;Notes €
+12125550131;Ann Ito;;x
+12125550132;Bob Day;Mars/Base;x
212;Cid;;x
+12125550133;;;x
+12125550131;Ann again;;x
+12125550134;"Eve ""E"" Ng";Europe/Paris;x;y

+881621234567;Sat;;x
"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[CallWorkspace]:
    async with running_api(database_url, valkey_url) as api:
        yield await make_call_workspace(api, tier="business")


async def create(workspace: CallWorkspace, **fields: Any) -> dict[str, Any]:
    body = {"name": "Recall", "agent_id": workspace.agent_id} | fields
    reply = await workspace.ann.post(f"{workspace.path}/campaigns", body)
    assert reply.status == 201, reply.body
    campaign: dict[str, Any] = reply.body["campaign"]
    return campaign


async def upload(workspace: CallWorkspace, path: str, text: str, **query: str) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {workspace.ann.token}", "Content-Type": "text/csv"}
    url = f"{workspace.api.url}{path}/recipients/upload"
    body = BytesIO(text.encode())
    async with workspace.api.client.post(url, data=body, params=query, headers=headers) as response:
        return response.status, await response.json()


async def test_life_of_a_campaign(workspace: CallWorkspace) -> None:
    ann, made = workspace.ann, await create(workspace, number_ids=[workspace.number_id], calls_per_minute=30)
    path = f"{workspace.path}/campaigns/{made['id']}"
    assert (made["status"], made["hours"], made["retries"]["most_attempts"]) == ("draft", None, 3)
    assert (await ann.post(f"{path}/start")).code == "campaign_empty"
    rows = [
        {"phone_number": "+12125550123", "reference": "p-1"},
        {"phone_number": "+12125550124", "reference": "x;=1+1"},
    ]
    added = await ann.post(f"{path}/recipients", {"recipients": rows})
    assert (added.status, added.body["added"], added.body["faults"]) == (200, 2, [])
    assert (await ann.post(f"{path}/start")).body["campaign"]["status"] == "running"
    assert (await ann.post(f"{path}/start")).code == "campaign_status"
    assert (await ann.delete(path)).code == "campaign_running"
    progress = (await ann.get(f"{path}/progress")).body["progress"]
    assert progress["by_status"] == {"pending": 2, "calling": 0, "finished": 0}
    assert (progress["calls"], progress["remaining_seconds"]) == (0, 4)
    assert (await ann.post(f"{path}/pause")).body["campaign"]["status"] == "paused"
    changed = await ann.put(path, {"name": "Recall 2", "agent_id": workspace.agent_id, "most_open_calls": 5})
    assert (changed.body["campaign"]["name"], changed.body["campaign"]["calls_per_minute"]) == ("Recall 2", 10)
    assert changed.body["campaign"]["call_screening"] is None
    rule = {"name": "Recall 2", "agent_id": workspace.agent_id, "call_screening": "end"}
    assert (await ann.put(path, rule)).body["campaign"]["call_screening"] == "end"
    assert (await ann.put(path, rule | {"call_screening": "ignore"})).param == "call_screening"
    assert (await ann.get(path)).body["campaign"]["call_screening"] == "end"
    assert (await ann.post(f"{path}/cancel")).body["campaign"]["status"] == "canceled"
    for again in (ann.post(f"{path}/cancel"), ann.put(path, {"name": "x", "agent_id": workspace.agent_id})):
        assert (await again).code == "campaign_over"
    assert (await ann.post(f"{path}/recipients", {"recipients": rows})).code == "campaign_over"
    results = await ann.get(f"{path}/results")
    lines = results.raw.decode().splitlines()
    assert lines[:2] == [
        "\ufeffphone_number,reference,status,outcome,detail,attempts,next_attempt_at,finished_at,external_ref",
        f"+12125550123,p-1,pending,,,0,{lines[1].split(',')[6]},,",
    ]
    assert lines[2].startswith("+12125550124,x;'=1+1,pending,")  # no formula where semicolons separate cells
    assert (await ann.delete(path)).status == 204
    assert (await ann.get(path)).code == "campaign_not_found"


async def test_external_ref_is_stored_replaced_filtered_by_and_exported(workspace: CallWorkspace) -> None:
    ann, campaigns = workspace.ann, f"{workspace.path}/campaigns"
    longest = "é" * 200
    first, second, third = [await create(workspace, external_ref=ref) for ref in (" =crm-1 ", "=crm-1", longest)]
    assert [campaign["external_ref"] for campaign in (first, second, third)] == ["=crm-1", "=crm-1", longest]
    assert (await create(workspace))["external_ref"] is None

    async def found(**params: str) -> tuple[list[str], Any]:
        body = (await ann.get(campaigns, params=params)).body
        return [campaign["id"] for campaign in body["campaigns"]], body["total"]

    assert await found(external_ref="=crm-1") == ([second["id"], first["id"]], 2)
    assert await found(external_ref="=crm-1", starting_after=second["id"]) == ([first["id"]], None)
    assert await found(external_ref="=crm-1", status="running") == ([], 0)
    assert await found(external_ref="=CRM-1") == ([], 0)  # only the exact text
    body = {"name": "Recall", "agent_id": workspace.agent_id}
    for wrong in ("", " ", "x" * 201, "a\nb", 7):
        refused = await ann.post(campaigns, body | {"external_ref": wrong})
        assert (refused.status, refused.param) == (422, "external_ref"), wrong
    assert (await ann.get(campaigns, params={"external_ref": "x" * 201})).param == "external_ref"
    path = f"{campaigns}/{first['id']}"
    assert (await ann.put(path, body | {"external_ref": "crm-2"})).body["campaign"]["external_ref"] == "crm-2"
    assert (await ann.get(path)).body["campaign"]["external_ref"] == "crm-2"
    assert await found(external_ref="=crm-1") == ([second["id"]], 1)
    assert (await ann.put(path, body)).body["campaign"]["external_ref"] is None
    await ann.post(f"{campaigns}/{second['id']}/recipients", {"recipients": [{"phone_number": "+12125550123"}]})
    lines = (await ann.get(f"{campaigns}/{second['id']}/results")).raw.decode().splitlines()
    assert [line.split(",")[-1] for line in lines] == ["external_ref", "'=crm-1"]  # no spreadsheet runs it as a formula


async def test_warns_of_a_tier_without_outbound_calls_before_start(workspace: CallWorkspace) -> None:
    trial = await make_call_workspace(workspace.api, tier="trial")
    path = f"{trial.path}/campaigns"
    made = await trial.ann.post(path, {"name": "Recall", "agent_id": trial.agent_id})
    assert (made.status, [warning["code"] for warning in made.body["warnings"]]) == (201, ["outbound_not_in_tier"])
    path = f"{path}/{made.body['campaign']['id']}"
    added = await trial.ann.post(f"{path}/recipients", {"recipients": [{"phone_number": "+12125550123"}]})
    assert (added.body["added"], added.body["warnings"]) == (1, made.body["warnings"])
    assert (await trial.ann.get(path)).body["warnings"] == made.body["warnings"]
    assert (await trial.ann.post(f"{path}/start")).code == "outbound_not_in_tier"
    allowed = await create(workspace)
    assert (await workspace.ann.get(f"{workspace.path}/campaigns/{allowed['id']}")).body["warnings"] == []


async def test_rows_of_a_request_are_stored_or_have_a_fault(workspace: CallWorkspace) -> None:
    made = await create(workspace)
    path = f"{workspace.path}/campaigns/{made['id']}"
    rows: list[dict[str, Any]] = [
        {"phone_number": "+12125550123"},
        {"phone_number": "12125550124"},
        {"phone_number": "+12125550123"},
        {"phone_number": "+19005550123"},
        {"phone_number": "+12125550125", "timezone": "Nowhere"},
        {"phone_number": "+12125550126", "variables": {"Name": "x"}},
        {"phone_number": "+12125550127", "variables": {"name": "a\nb"}},
        {"phone_number": "+12125550128", "reference": "x" * 201},
        {"phone_number": "+12125550129", "variables": {"name": "Ms Ito"}, "timezone": "Europe/Paris"},
    ]
    reply = await workspace.ann.post(f"{path}/recipients", {"recipients": rows})
    assert reply.body["added"] == 2
    assert [(fault["row"], fault["param"], fault["code"]) for fault in reply.body["faults"]] == [
        (2, "phone_number", "number_invalid"),
        (3, "phone_number", "duplicate"),
        (4, "phone_number", "number_refused"),
        (5, "timezone", "timezone_unknown"),
        (6, "variables.Name", "wrong_format"),
        (7, "variables.name", "wrong_format"),
        (8, "reference", "reference_invalid"),
    ]
    again = await workspace.ann.post(f"{path}/recipients", {"recipients": rows[:1]})
    assert (again.body["added"], again.body["faults"][0]["code"]) == (0, "duplicate")
    listed = (await workspace.ann.get(f"{path}/recipients", params={"phone_number": "+12125550129"})).body
    (one,) = listed["recipients"]
    assert (one["variables"], one["timezone"], one["status"]) == ({"name": "Ms Ito"}, "Europe/Paris", "pending")
    whole = (await workspace.ann.get(f"{path}/recipients/{one['id']}")).body
    assert (whole["recipient"]["id"], whole["calls"]) == (one["id"], [])
    assert (await workspace.ann.get(f"{path}/recipients/{UNKNOWN}")).code == "recipient_not_found"


async def test_file_is_read_row_by_row(workspace: CallWorkspace) -> None:
    made = await create(workspace)
    path = f"{workspace.path}/campaigns/{made['id']}"
    status, body = await upload(workspace, path, "\ufeff" + FILE.replace("\n", "\r\n"), phone_number_column="Phone")
    assert (status, body["added"], body["refused"]) == (200, 2, 5)
    assert [(fault["row"], fault["param"], fault["code"]) for fault in body["faults"]] == [
        (3, "timezone", "timezone_unknown"),
        (4, "phone_number", "number_invalid"),
        (6, "phone_number", "duplicate"),
        (7, None, "row_too_long"),
        (9, "phone_number", "number_refused"),
    ]
    found = (await workspace.ann.get(f"{path}/recipients")).body["recipients"]
    assert [one["variables"] for one in found] == [{"full_name": "Ann Ito", "notes": "x"}, {"notes": "x"}]
    columns = {"phone_number_column": "Phone", "variable_columns": "customer_name=Full name"}
    _, chosen = await upload(workspace, path, "Phone,Full name,Other\n+12125550140,Flo,z\n", **columns)
    assert (chosen["added"], chosen["ignored_columns"]) == (1, ["Other"])


@pytest.mark.parametrize(
    ("text", "query", "code"),
    [
        ("", {}, "file_empty"),
        ("a,b\n1,2\n", {}, "column_missing"),
        ("phone_number,a,a\n", {}, "column_missing"),
        ("phone_number\n\x00\n", {}, "file_unknown"),
        ("phone_number\n" + "1\n" * 10_001, {}, "too_many_rows"),
        ("phone_number,Town\n", {"variable_columns": "town"}, "columns_invalid"),
        ("phone_number,Town\n", {"variable_columns": "town=City"}, "column_missing"),
    ],
)
async def test_file_that_is_no_list_is_refused(
    workspace: CallWorkspace, text: str, query: dict[str, str], code: str
) -> None:
    made = await create(workspace)
    status, body = await upload(workspace, f"{workspace.path}/campaigns/{made['id']}", text, **query)
    assert (status, body["error"]["code"]) == (422, code)


async def test_variables_that_the_agent_needs_are_asked_for(workspace: CallWorkspace) -> None:
    draft = {"name": "Recall", "config": {"greeting": "Hello {customer_name}."}}
    agent = (await workspace.ann.post(f"{workspace.path}/agents", draft)).body["agent"]
    made = await create(workspace, agent_id=agent["id"])
    path = f"{workspace.path}/campaigns/{made['id']}/recipients"
    rows = [{"phone_number": "+12125550123"}, {"phone_number": "+12125550124", "variables": {"customer_name": "Ito"}}]
    reply = await workspace.ann.post(path, {"recipients": rows})
    assert reply.body["added"] == 1
    assert [(fault["param"], fault["code"]) for fault in reply.body["faults"]] == [
        ("variables.customer_name", "variable_missing")
    ]


async def test_settings_are_checked(workspace: CallWorkspace) -> None:
    for fields, code, param in (
        ({"agent_id": UNKNOWN}, "agent_not_found", None),
        ({"agent_version": 99}, "agent_version_unknown", "agent_version"),
        ({"number_ids": [UNKNOWN]}, "number_not_found", "number_ids"),
        ({"retries": {"most_attempts": 6}}, "too_many_attempts", "retries.most_attempts"),
        ({"starts_at": "2026-12-02T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z"}, "dates_invalid", "ends_at"),
        ({"calls_per_minute": 0}, "invalid", "calls_per_minute"),
        ({"hours": {"weekly": {}}}, "invalid", "hours"),
    ):
        body: dict[str, Any] = {"name": "Recall", "agent_id": workspace.agent_id, **fields}
        reply = await workspace.ann.post(f"{workspace.path}/campaigns", body)
        assert (reply.code, reply.param) == (code, param), (fields, reply.body)


async def test_limits_of_the_workspace(workspace: CallWorkspace) -> None:
    owner = workspace.api.owner
    await owner.execute(
        'UPDATE tiers SET features = features || \'{"campaign_recipients": 2, "campaigns_running": 0}\' '
        "WHERE tier_name = 'business'"
    )
    made = await create(workspace)
    path = f"{workspace.path}/campaigns/{made['id']}"
    rows = [{"phone_number": f"+1212555012{digit}"} for digit in range(3)]
    reply = await workspace.ann.post(f"{path}/recipients", {"recipients": rows})
    assert (reply.body["added"], [fault["code"] for fault in reply.body["faults"]]) == (2, ["recipient_limit"])
    assert (await workspace.ann.post(f"{path}/start")).code == "running_campaign_limit"
    count = "SELECT count(*) FROM campaign_recipients WHERE campaign_id = $1"
    assert await owner.fetchval(count, UUID(made["id"])) == 2
    await owner.execute(
        "UPDATE tiers SET features = features - 'campaign_recipients' - 'campaigns_running' "
        "WHERE tier_name = 'business'"
    )
