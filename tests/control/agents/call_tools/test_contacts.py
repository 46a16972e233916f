"""Whom a caller's number belongs to: in the agent's texts, and for the tool."""

import re
from typing import Any

import pytest

from control.agents.call_tools.contacts import describe_contact, find_contact, find_contact_values
from control.calls.records.callers import IncomingCall
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.service import find_open
from control.db.pool import Connection
from control.integrations.caller_records.queries import CONTACT_BY_PHONE
from shared.ids import new_id
from tests.control.calls.call_platform import CallPlatform, LiveWorkspace, later, make_checkpoint
from tests.control.integrations.conftest import platform as platform

CALLER = "+14155550100"
CONFIG: dict[str, Any] = {
    "greeting": "Hello {contact_first_name}!",
    "prompt": "The caller, as our records have it: {contact_name} of {contact_company}.",
    "variables": {"contact_first_name": {"default": "there"}},
}


async def add_contact(platform: CallPlatform, workspace: LiveWorkspace, **columns: str) -> None:
    """A contact of the workspace."""

    async def insert(db: Connection) -> None:
        integration_id, names = new_id(), list(columns)
        await db.execute(
            "INSERT INTO integrations (id, workspace_id, integration_type, name, status) "
            "VALUES ($1, $2, 'hubspot', 'C', 'connected')",
            integration_id, workspace.workspace_id,
        )  # fmt: skip
        places = ", ".join(f"${place}" for place in range(3, 3 + len(names)))
        await db.execute(
            f"INSERT INTO contacts (id, workspace_id, integration_id, external_id, seen_by, {', '.join(names)}) "
            f"VALUES ($1, $2, $1, 'x', $1, {places})",
            integration_id, workspace.workspace_id, *columns.values(),
        )  # fmt: skip

    await platform.in_platform(insert)


async def test_known_caller_is_greeted_by_name_also_when_the_call_is_resumed(platform: CallPlatform) -> None:
    workspace, other = await platform.create_workspace(**CONFIG), await platform.create_workspace(**CONFIG)
    await add_contact(platform, workspace, name="Ann Lee", first_name="Ann", company="Acme", mobile_phone=CALLER)
    call = await platform.admit(workspace, "CA-known")
    assert call.plan.agent.greeting == "Hello Ann!"
    assert call.plan.agent.prompt == "The caller, as our records have it: Ann Lee of Acme."
    stranger = await platform.admit(other)
    assert stranger.plan.agent.greeting == "Hello there!", "the contacts of another workspace are nobody here"
    open_call = await platform.in_platform(lambda db: find_open(db, "twilio", "CA-known", later(5)))
    assert open_call is not None
    resumed = await platform.in_platform(
        lambda db: platform.admission.resume(db, open_call, make_checkpoint(call.call_id), later(9))
    )
    assert isinstance(resumed, AdmittedCall) and resumed.plan.agent.prompt == call.plan.agent.prompt


async def test_calls_own_variable_goes_before_the_contact(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(**CONFIG)
    await add_contact(platform, workspace, name="Bo", phone="+12125550123")
    variables = {"contact_first_name": "Ms Ito"}
    call_id = await platform.place(workspace, "+12125550123", variables=variables)
    answered = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", f"CA{new_id()}", call_id, later(1))
    )
    assert isinstance(answered, AdmittedCall)
    assert (answered.plan.agent.greeting, "Bo of ." in answered.plan.agent.prompt) == ("Hello Ms Ito!", True)


async def test_contact_is_asked_for_only_where_a_text_names_it(platform: CallPlatform) -> None:
    named = await statements_of(platform, await platform.create_workspace(**CONFIG))
    plain = await statements_of(platform, await platform.create_workspace(greeting="Hello."))
    assert [len([one for one in found if "FROM contacts" in one]) for found in (named, plain)] == [1, 0]


async def statements_of(platform: CallPlatform, workspace: LiveWorkspace) -> list[str]:
    found: list[str] = []
    async with platform.pool.transaction() as db:
        with db.query_logger(lambda record: found.append(record.query)):
            await db.execute("SELECT enter_scope('platform', NULL, NULL)")
            ring = IncomingCall("twilio", f"CA{new_id()}", CALLER, workspace.number)
            await platform.admission.admit_inbound(db, ring, later(0))
    return found


async def test_lookup_is_by_an_index(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()

    async def explain(db: Connection) -> str:
        await db.execute("SET LOCAL enable_seqscan = off")
        rows = await db.fetch(f"EXPLAIN {CONTACT_BY_PHONE}", workspace.workspace_id, CALLER)
        return "\n".join(row[0] for row in rows)

    plan = await platform.in_platform(explain)
    assert set(re.findall(r"contacts_[a-z_]+", plan)) == {"contacts_phone", "contacts_mobile_phone"}


@pytest.mark.parametrize("number", ["anonymous", "", "+1", "sip:a@b", "' OR 1=1"])
async def test_invalid_number_has_no_contact(platform: CallPlatform, number: str) -> None:
    workspace = await platform.create_workspace()
    await add_contact(platform, workspace, name="Ann", phone=number)
    assert await platform.in_platform(lambda db: find_contact(db, workspace.workspace_id, number)) is None
    assert await platform.in_platform(lambda db: find_contact_values(db, workspace.workspace_id, number)) == {}


def test_unknown_caller_is_said_to_be_unknown() -> None:
    assert describe_contact(None, [], "UTC") == {"is_known": False, "coming_appointments": []}
