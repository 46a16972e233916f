"""`variables` and `metadata` of outbound and test calls, as customers and the staff send and read them."""

from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import pytest

from tests.control.api.call_workspace import CALLEE, CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.clients import Reply

VARIABLES = {"customer_name": "Ms Ito"}
METADATA = {"Order ID": "7731", "note": "two\nlines"}


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


async def place(workspace: CallWorkspace, *, test: bool = False, key: str = "", **more: Any) -> Reply:
    body = {"phone_number_to_call": CALLEE, **more}
    headers = {"Idempotency-Key": key} if key else {}
    if test:
        return await workspace.ann.post(f"{workspace.path}/agents/{workspace.agent_id}/test", body, headers=headers)
    body["agent_id"] = workspace.agent_id
    return await workspace.ann.post(f"{workspace.calls_path}/outbound", body, headers=headers)


async def test_customer_and_staff_read_what_a_call_was_placed_with(workspace: CallWorkspace) -> None:
    placed = [await place(workspace, test=test, variables=VARIABLES, metadata=METADATA) for test in (False, True)]
    assert [reply.status for reply in placed] == [201, 201]
    staff = await workspace.api.admin("support")
    for reader, path in ((workspace.ann, workspace.calls_path), (staff, "/admin/calls")):
        rows = (await reader.get(path)).body["calls"]
        calls = [(await reader.get(f"{path}/{row['id']}")).body["call"] for row in rows]
        assert len(calls) == 2
        assert all((one["variables"], one["metadata"]) == (VARIABLES, METADATA) for one in (*rows, *calls))


async def test_call_without_them_has_empty_ones(workspace: CallWorkspace) -> None:
    await place(workspace)
    await workspace.insert_call()
    rows = (await workspace.ann.get(workspace.calls_path)).body["calls"]
    assert [(row["direction"], row["variables"], row["metadata"]) for row in rows] == [
        ("outbound", {}, {}), ("inbound", {}, {}),
    ]  # fmt: skip


OUT_OF_BOUNDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"variables": {"customer_name": "x" * 501}}, "variables.customer_name"),
    ({"variables": {"customer_name": "a\nb"}}, "variables.customer_name"),
    ({"variables": {"Customer": "x"}}, "variables.Customer"),
    ({"variables": {"a": None}}, "variables.a"),
    ({"variables": {f"v{place}": "" for place in range(51)}}, "variables"),
    ({"variables": "x"}, "variables"),
    ({"metadata": {"order": "x" * 501}}, "metadata.order"),
    ({"metadata": {"order[id]": "x"}}, "metadata.order[id]"),
    ({"metadata": {"o" * 41: "x"}}, "metadata"),
    ({"metadata": {"order": 7731}}, "metadata.order"),
)


async def test_entries_out_of_bounds_are_named(workspace: CallWorkspace) -> None:
    for test, (body, param) in product((False, True), OUT_OF_BOUNDS):
        refused = await place(workspace, test=test, **body)
        assert (refused.status, refused.code, refused.param) == (422, "invalid", param)


async def test_missing_value_is_named_and_an_agent_without_a_fact_takes_it_from_the_call(
    workspace: CallWorkspace,
) -> None:
    agent = f"{workspace.path}/agents/{workspace.agent_id}"
    config = {"greeting": "Hello {customer_name}.", "variables": {"customer_name": {"required": True}}}
    changed = (await workspace.ann.put(agent, {"config": config})).body["agent"]
    assert (changed["missing_facts"], changed["config"]["variables"]) == (
        [], {"customer_name": {"default": "", "required": True}},
    )  # fmt: skip
    refused = await place(workspace)
    assert (refused.status, refused.code, refused.param) == (422, "variable_missing", "variables.customer_name")
    assert (await place(workspace, variables=VARIABLES)).status == 201


async def test_same_key_with_other_variables_is_a_mismatch(workspace: CallWorkspace) -> None:
    first = await place(workspace, key="k", variables=VARIABLES)
    assert (await place(workspace, key="k", variables=VARIABLES)).body == first.body
    assert (await place(workspace, key="k", variables={"customer_name": "Mr Ito"})).code == "idempotency_mismatch"


async def test_config_whose_texts_would_be_huge_is_not_saved(workspace: CallWorkspace) -> None:
    agent = f"{workspace.path}/agents/{workspace.agent_id}"
    huge = {"prompt": "{a}" * 9_999, "facts": {"a": "\1" * 4_000}}
    refused = await workspace.ann.put(agent, {"config": huge})
    assert (refused.status, refused.code, refused.param) == (422, "too_long", "config.prompt")
