"""Admission of inbound calls."""

import asyncio
from uuid import UUID

import pytest
from asyncpg.connection import LoggedQuery  # type: ignore[import-untyped]

from control.calls.admission.service import save_refusal
from control.calls.records.callers import IncomingCall
from control.calls.records.refusals import RefusedCall
from control.calls.records.running_calls import AdmittedCall
from control.db.pool import Connection
from control.voice.catalog.service import KeyChange, set_key
from shared.errors import Problem
from tests.control.calls.call_platform import NOW, SEALER, CallPlatform, later


async def test_call_to_a_live_agent_is_admitted_with_its_plan(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call = await platform.admit(workspace, "CA1")
    assert call.plan.call_id == str(call.call_id)
    assert call.plan.workspace_id == str(workspace.workspace_id)
    assert call.plan.agent.greeting == "Hello."
    assert (call.leg, call.records_at_carrier) == (0, False)
    row = await platform.call_row(call.call_id)
    assert (row["status"], row["direction"], row["carrier_call_id"]) == ("ringing", "inbound", "CA1")
    assert (row["agent_id"], row["agent_version"], row["phone_number_id"]) == (
        workspace.agent_id,
        1,
        workspace.number_id,
    )


async def test_admission_takes_five_queries_and_locks_the_workspace_for_the_last(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    queries: list[str] = []

    def record_query(query: LoggedQuery) -> None:
        queries.append(query.query)

    async def work(db: Connection) -> None:
        # The first query of a connection also reads the types of the columns.
        await platform.admission.admit_inbound(
            db, IncomingCall("twilio", "CA-cost-1", "+14155550100", workspace.number), NOW
        )
        with db.query_logger(record_query):
            await platform.admission.admit_inbound(
                db, IncomingCall("twilio", "CA-cost-2", "+14155550100", workspace.number), NOW
            )

    await platform.in_platform(work)
    assert len(queries) == 5, queries
    # Whoever waits for the lock holds a connection: calls that begin at once would use all of them.
    assert ("pg_advisory_xact_lock" in queries[-2], "INSERT INTO calls" in queries[-1]) == (True, True), queries


@pytest.mark.parametrize("caller", ["+266696687", "Anonymous", "Restricted", "Unavailable", ""])
async def test_withheld_number_is_stored_as_null_and_empty_in_placeholders(platform: CallPlatform, caller: str) -> None:
    workspace = await platform.create_workspace(greeting="You call from: {caller_number}")
    call = await platform.ring(workspace, caller=caller)
    assert isinstance(call, AdmittedCall)
    assert (await platform.call_row(call.call_id))["caller_number"] is None
    assert call.plan.agent.greeting.strip() == "You call from:"


async def test_call_to_an_unknown_number_leaves_no_row(platform: CallPlatform) -> None:
    incoming = IncomingCall("twilio", "CA-nobody", "+14155550100", "+14155559999")
    refusal = await platform.in_platform(lambda db: platform.admission.admit_inbound(db, incoming, NOW))
    assert isinstance(refusal, RefusedCall)
    assert (refusal.reason, refusal.call_id) == ("unknown_number", None)
    assert not await platform.in_platform(
        lambda db: db.fetchval("SELECT count(*) FROM calls WHERE carrier_call_id = 'CA-nobody'")
    )


async def test_call_to_an_agent_that_is_not_live_is_refused_with_a_row(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(live=False, language="de")
    refusal = await platform.ring(workspace)
    assert isinstance(refusal, RefusedCall)
    assert (refusal.reason, refusal.language) == ("unknown_number", "de")
    assert "Nummer" in refusal.announcement
    (row,) = await platform.call_rows(workspace)
    assert (row["id"], row["status"], row["end_detail"]) == (refusal.call_id, "failed", "unknown_number")
    assert row["ended_at"] == NOW


async def test_suspended_workspace_takes_no_calls(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(language="fr-CA")
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", workspace.workspace_id)
    )
    refusal = await platform.ring(workspace)
    assert isinstance(refusal, RefusedCall)
    assert (refusal.reason, refusal.language) == ("suspended", "fr-CA")
    assert refusal.announcement.startswith("Désolé")


async def test_workspace_without_verified_owner_takes_no_calls(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.in_platform(
        lambda db: db.execute("UPDATE users SET email_verified_at = NULL WHERE id = $1", workspace.actor.id)
    )
    refusal = await platform.ring(workspace)
    assert isinstance(refusal, RefusedCall) and refusal.reason == "suspended"


async def test_agent_without_usable_providers_is_unusable(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(language="es")
    await platform.in_platform(
        lambda db: db.execute(
            "INSERT INTO workspace_providers (workspace_id, provider, is_enabled) "
            "SELECT $1, provider, false FROM providers",
            workspace.workspace_id,
        )
    )
    refusal = await platform.ring(workspace)
    assert isinstance(refusal, RefusedCall)
    assert (refusal.reason, refusal.language) == ("unusable", "es")
    (row,) = await platform.call_rows(workspace)
    assert (row["status"], row["end_detail"]) == ("failed", "unusable")


async def test_refusal_in_unsupported_language_is_english(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(live=False, language="ja")
    refusal = await platform.ring(workspace)
    assert isinstance(refusal, RefusedCall)
    assert refusal.language == "en" and refusal.announcement.startswith("Sorry")


async def test_repeated_webhook_is_the_same_call(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    first = await platform.admit(workspace, "CA-again")
    repeated = await platform.admit(workspace, "CA-again", at=later(1))
    assert first.call_id == repeated.call_id and repeated.plan == first.plan
    assert len(await platform.call_rows(workspace)) == 1


async def test_repeated_webhook_is_the_same_call_after_its_number_moved_to_another_workspace(
    platform: CallPlatform,
) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    first = await platform.admit(workspace, "CA-moved")
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE phone_numbers SET workspace_id = $1, agent_id = NULL WHERE id = $2",
            other.workspace_id,
            workspace.number_id,
        )
    )
    repeated = await platform.admit(workspace, "CA-moved", at=later(1))
    assert repeated.call_id == first.call_id and repeated.plan.agent == first.plan.agent
    assert repeated.plan.workspace_id == str(workspace.workspace_id)


async def test_repeated_webhook_of_a_refused_call_is_refused_alike(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(live=False)
    first = await platform.ring(workspace, "CA-refused")
    await platform.in_platform(
        lambda db: db.execute("UPDATE agents SET status = 'live' WHERE id = $1", workspace.agent_id)
    )
    assert await platform.ring(workspace, "CA-refused") == first


async def test_ten_concurrent_webhooks_are_one_call(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    answers = await asyncio.gather(*(platform.ring(workspace, "CA-storm") for _ in range(10)))
    assert len({answer.call_id for answer in answers if isinstance(answer, AdmittedCall)}) == 1
    assert all(isinstance(answer, AdmittedCall) for answer in answers)
    assert len(await platform.call_rows(workspace)) == 1


async def test_last_slot_goes_to_one_of_two_calls(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(tier="trial")  # two calls at once
    await platform.admit(workspace)
    answers = await asyncio.gather(*(platform.ring(workspace) for _ in range(6)))
    assert sum(isinstance(answer, AdmittedCall) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, RefusedCall)]
    assert {answer.reason for answer in refused} == {"over_limit"}
    rows = await platform.call_rows(workspace)
    assert sorted(row["status"] for row in rows) == ["busy"] * 5 + ["ringing"] * 2


async def test_slot_is_free_after_the_call(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(tier="trial")
    first = await platform.admit(workspace)
    await platform.admit(workspace)
    assert isinstance(await platform.ring(workspace), RefusedCall)
    await platform.in_platform(lambda db: save_refusal(db, first.call_id, "all_busy", NOW))
    assert (await platform.call_row(first.call_id))["status"] == "busy"
    assert isinstance(await platform.ring(workspace), AdmittedCall)


async def test_plan_holds_the_providers_keys(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(speech={"llm": [{"provider": "standin"}, {"provider": "openai"}]})
    assert [choice.provider for choice in (await platform.admit(workspace)).plan.llm] == ["standin"]
    sealed = SEALER.seal(b"sk-secret", "provider key")
    await platform.in_platform(
        lambda db: db.execute("UPDATE providers SET api_key = $1 WHERE provider = 'openai'", sealed)
    )
    try:
        plan = (await platform.admit(workspace)).plan
        assert [(choice.provider, choice.options.get("api_key")) for choice in plan.llm] == [
            ("standin", None), ("openai", "sk-secret"),
        ]  # fmt: skip
        own_key = SEALER.seal(b"sk-own", "provider key")
        await platform.in_platform(
            lambda db: db.execute(
                "INSERT INTO workspace_providers (workspace_id, provider, uses_platform_key, api_key) "
                "VALUES ($1, 'openai', false, $2)",
                workspace.workspace_id, own_key,
            )
        )  # fmt: skip
        assert (await platform.admit(workspace)).plan.llm[1].options["api_key"] == "sk-own"
        await platform.in_platform(
            lambda db: db.execute("UPDATE workspace_providers SET api_key = 'broken' WHERE provider = 'openai'")
        )
        assert [choice.provider for choice in (await platform.admit(workspace)).plan.llm] == ["standin"]
    finally:
        await platform.in_platform(
            lambda db: db.execute("UPDATE providers SET api_key = NULL WHERE provider = 'openai'")
        )


async def test_plan_of_an_agent_without_a_model_has_the_operators_own_first(platform: CallPlatform) -> None:
    change = KeyChange("my-llama", "sk-1", vendor="openai", base_url="http://127.0.0.1:9/v1", model="tiny")
    workspace = await platform.create_workspace(speech={"llm": []})
    await platform.in_platform(lambda db: set_key(db, SEALER, change))
    try:
        plan = (await platform.admit(workspace)).plan
        assert [(choice.provider, choice.vendor_name) for choice in plan.llm] == [
            ("my-llama", "openai"), ("receptionist", "receptionist"),
        ]  # fmt: skip
        assert plan.llm[0].options == {"base_url": "http://127.0.0.1:9/v1", "model": "tiny", "api_key": "sk-1"}
    finally:
        await platform.in_platform(lambda db: db.execute("DELETE FROM providers WHERE provider = 'my-llama'"))


async def test_calls_mark_their_day_for_roll_ups(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.admit(workspace)
    marks = await platform.in_platform(
        lambda db: db.fetch("SELECT day FROM rollup_dirty WHERE workspace_id = $1", workspace.workspace_id)
    )
    assert [row["day"] for row in marks] == [NOW.date()]


@pytest.mark.parametrize("caller", ["anonymous", "", "sip:ann@example.com"])
async def test_caller_may_be_anonymous(platform: CallPlatform, caller: str) -> None:
    workspace = await platform.create_workspace()
    incoming = IncomingCall("twilio", f"CA-{caller}", caller, workspace.number)
    admitted = await platform.in_platform(lambda db: platform.admission.admit_inbound(db, incoming, NOW))
    assert isinstance(admitted, AdmittedCall)


async def test_call_is_invisible_to_other_workspaces(platform: CallPlatform) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    call = await platform.admit(workspace)
    with pytest.raises(Problem):
        await platform.in_workspace(other, lambda db: platform.records.get(db, other.workspace_id, call.call_id))
    own_calls = await platform.in_workspace(
        workspace, lambda db: platform.records.get(db, workspace.workspace_id, call.call_id)
    )
    assert own_calls.summary_line.id == UUID(call.plan.call_id)
