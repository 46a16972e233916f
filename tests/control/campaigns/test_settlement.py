"""What the end of a call does to its recipient and its campaign, in the transaction that stores the end."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.changes.service import save_changes
from control.calls.changes.tasks import settle_unsettled
from control.calls.events.service import parse_event, write_events
from control.calls.outbound.service import CallPlacement, PlaceCallJob, cancel_listed
from control.calls.outbound.tasks import DialQueue, make_dial_job
from control.calls.records import queries as records_queries
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.service import find_open
from control.campaigns import queries as campaigns_queries
from control.campaigns import service as campaigns_service
from control.campaigns.retries import MOST_UNDIALED
from control.campaigns.settings import RetryPolicy, RetryRule
from control.carriers.pacer import CallPacer
from control.carriers.service import Carriers
from control.db.pool import Connection
from control.do_not_call.rules import NewListing
from control.do_not_call.service import DoNotCallList
from shared.events import CallerOptedOut, CallStatus, EndReason
from tests.control.calls.consumed_events import encoded_event
from tests.control.campaigns.campaign_workspace import DAYTIME, NOON, CampaignWorkspace, number_of

FIRST, SECOND = number_of(501), number_of(502)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def dial(tenant: CampaignWorkspace, call_id: UUID) -> None:
    """Runs the job that dials."""
    services, pool = tenant.platform.services, tenant.platform.pool
    job = make_dial_job(pool, services[CallPlacement], services[Carriers], DialQueue(pool, services[CallPacer]))
    await job(msgspec.json.encode(PlaceCallJob(call_id)))


async def only_call(tenant: CampaignWorkspace) -> UUID:
    (row,) = await tenant.open_calls()
    call_id: UUID = row["id"]
    return call_id


@pytest.mark.parametrize(
    ("status", "reason", "outcome", "recipient"),
    [
        ("completed", "caller_hangup", "answered", "finished"),
        ("completed", "voicemail", "machine", "pending"),
        ("busy", None, "busy", "pending"),
        ("no_answer", None, "no_answer", "pending"),
        ("failed", "carrier_error", "failed_by_carrier", "pending"),
    ],
)
async def test_outcome_of_a_call_decides_about_its_recipient(
    tenant: CampaignWorkspace, status: CallStatus, reason: EndReason | None, outcome: str, recipient: str
) -> None:
    campaign = await tenant.start(FIRST)
    await tenant.run()
    await tenant.end(await only_call(tenant), status, reason)
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["outcome"], row["status"], row["attempts"]) == (outcome, recipient, 1)
    assert (await tenant.attempts(campaign))[0]["finished_at"] == tenant.now


@pytest.mark.parametrize(
    ("facts", "detail"),
    [
        ({"sip": "404", "cause": "404"}, "404"),
        ({"sip": "484", "error": "13224", "cause": "13224"}, "13224"),
        ({"sip": "404", "cause": "not_found"}, "not_found"),
    ],
)
async def test_dead_number_is_not_called_again_and_its_reason_is_kept(
    tenant: CampaignWorkspace, facts: dict[str, str], detail: str
) -> None:
    campaign = await tenant.start(FIRST, retries=RetryPolicy(rejected=RetryRule(most=3)))
    await tenant.run()
    call_id = await only_call(tenant)
    report = CarrierStatus("twilio", f"CA{call_id}", "failed", tenant.now, call_id=call_id, facts=facts)
    await tenant.platform.in_platform(lambda db: apply_status(db, report))
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["outcome"], row["status"], row["detail"]) == ("unreachable", "finished", detail)


async def test_correction_of_the_end_decides_anew(tenant: CampaignWorkspace) -> None:
    """The carrier reports a completed call before media tells that a machine took it."""
    campaign = await tenant.start(FIRST)
    await tenant.run()
    call_id = await only_call(tenant)
    await tenant.end(call_id, "completed", "caller_hangup")
    assert (await tenant.recipients(campaign))[FIRST]["status"] == "finished"
    await tenant.platform.in_platform(lambda db: _correct(db, call_id, "voicemail"))
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["outcome"], row["status"], row["finished_at"]) == ("machine", "pending", None)


async def test_late_correction_leaves_a_recipient_alone_who_is_being_called(tenant: CampaignWorkspace) -> None:
    policy = RetryPolicy(gap_minutes=1, no_answer=RetryRule(most=2, delay_minutes=1))
    campaign = await tenant.start(FIRST, retries=policy)
    await tenant.run()
    first = await only_call(tenant)
    await tenant.end(first)
    await tenant.run(61)
    second = await only_call(tenant)
    await tenant.platform.in_platform(lambda db: _correct(db, first, "voicemail"))
    assert (await tenant.recipients(campaign))[FIRST]["status"] == "calling"
    assert [row["outcome"] for row in await tenant.attempts(campaign)] == ["machine", None]
    assert await only_call(tenant) == second


async def test_pause_holds_for_calls_that_wait_to_be_dialed(tenant: CampaignWorkspace) -> None:
    tenant.now = datetime.now(UTC)
    campaign = await tenant.start(FIRST)
    await tenant.run()
    call_id = await only_call(tenant)
    await tenant.change("pause", campaign)
    await dial(tenant, call_id)
    assert not tenant.platform.gateway.dialed
    assert (await tenant.platform.call_row(call_id))["end_detail"] == "campaign_not_running"
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["status"], row["attempts"], row["outcome"]) == ("pending", 0, "not_dialled")
    assert await tenant.run(3_600) == 0
    await tenant.change("start", campaign)
    assert await tenant.run() == 1
    await dial(tenant, await only_call(tenant))
    assert len(tenant.platform.gateway.dialed) == 1


async def test_call_that_waited_beyond_its_hours_is_not_dialed(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST, hours=DAYTIME)
    tenant.now = NOON + timedelta(minutes=1)
    await tenant.run()
    call_id = await only_call(tenant)
    late = NOON.replace(hour=1) + timedelta(days=1)  # 20:00 in New York
    await tenant.platform.in_platform(
        lambda db: db.execute("UPDATE calls SET created_at = $2 WHERE id = $1", call_id, late - timedelta(minutes=1))
    )
    order = await tenant.platform.in_platform(lambda db: tenant.platform.placement.start(db, call_id, late))
    assert order is None
    assert (await tenant.platform.call_row(call_id))["end_detail"] == "outside_calling_hours"
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["status"], row["attempts"]) == ("pending", 0)
    assert row["next_attempt_at"] == NOON.replace(hour=14) + timedelta(days=7)  # Wednesday, 9:00


async def test_call_of_a_running_campaign_is_dialed_in_its_hours(tenant: CampaignWorkspace) -> None:
    await tenant.start(FIRST, hours=DAYTIME)
    await tenant.run()
    call_id = await only_call(tenant)
    at = tenant.now + timedelta(seconds=5)
    assert await tenant.platform.in_platform(lambda db: tenant.platform.placement.start(db, call_id, at)) is not None


async def test_agent_that_is_paused_meanwhile_pauses_the_campaign(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST, SECOND)
    await tenant.run()
    await tenant.end(await only_call(tenant), "canceled", None, "agent_not_live", dialed=False)
    stored = await tenant.get(campaign)
    assert (stored.status, stored.status_reason) == ("paused", "agent_not_live")


async def test_end_that_pauses_does_not_wait_for_a_dispatcher(tenant: CampaignWorkspace) -> None:
    """The dispatcher has locked the campaign, and may wait for what this transaction has locked; it pauses itself."""
    campaign = await tenant.start(FIRST, SECOND)
    await tenant.run()
    call_id = await only_call(tenant)

    async def end_meanwhile(db: Connection) -> None:
        assert await campaigns_queries.select_campaign(db, campaign.workspace_id, campaign.id, lock=True)
        async with asyncio.timeout(30):
            await tenant.end(call_id, "canceled", None, "spend_limit", dialed=False)

    await tenant.platform.in_platform(end_meanwhile)
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["status"], row["outcome"]) == ("pending", "not_dialled")


@pytest.mark.parametrize("is_late", [False, True])
async def test_words_of_a_callee_who_opts_out_finish_the_recipient_everywhere(
    tenant: CampaignWorkspace, is_late: bool
) -> None:
    """From media's event on. is_late: it is read after the carrier's report of the end."""
    first, second = await tenant.start(FIRST), await tenant.start(FIRST)
    assert await tenant.run() == 1
    call_id = await only_call(tenant)
    line = parse_event("1", encoded_event(call_id, 1, CallerOptedOut(9_000, "words")))
    steps = [
        lambda: tenant.platform.in_platform(lambda db: write_events(db, [line])),
        lambda: tenant.end(call_id, "completed", "caller_hangup"),
    ]
    for step in reversed(steps) if is_late else steps:
        await step()
    assert await tenant.run(301) == 0
    outcomes = sorted(
        [
            (row["status"], row["outcome"], row["attempts"])
            for one in (first, second)
            for row in (await tenant.recipients(one)).values()
        ]
    )
    assert outcomes == [("finished", "opted_out", 0), ("finished", "opted_out", 1)]


async def test_call_whose_number_is_listed_while_it_waits_is_no_attempt(tenant: CampaignWorkspace) -> None:
    campaign, owner = await tenant.start(FIRST), tenant.workspace
    await tenant.run()
    listing = tenant.platform.services[DoNotCallList]
    await tenant.platform.in_workspace(
        owner,
        lambda db: listing.add(db, owner.workspace_id, owner.actor, [NewListing(1, FIRST)], "member", tenant.now),
    )
    assert await tenant.platform.in_platform(lambda db: cancel_listed(db, tenant.now)) == 1
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["status"], row["outcome"], row["attempts"]) == ("finished", "opted_out", 0)


async def test_deletion_of_a_caller_waits_for_the_open_call(tenant: CampaignWorkspace) -> None:
    """Without its recipient, a call that waits to be dialed would be dialed whatever its campaign's hours are."""
    campaign = await tenant.start(FIRST)
    await tenant.run()
    named = (campaign.workspace_id, FIRST)
    assert (
        await tenant.platform.in_platform(lambda db: campaigns_service.delete_recipients_with_number(db, *named)) == 0
    )
    assert await tenant.platform.in_platform(lambda db: campaigns_service.has_recipient_with_number(db, *named))
    await tenant.change("pause", campaign)
    await dial(tenant, await only_call(tenant))
    assert not tenant.platform.gateway.dialed
    assert (
        await tenant.platform.in_platform(lambda db: campaigns_service.delete_recipients_with_number(db, *named)) == 1
    )
    assert not await tenant.platform.in_platform(lambda db: campaigns_service.has_recipient_with_number(db, *named))
    assert not await tenant.attempts(campaign)


async def test_recipient_whose_calls_are_never_dialed_is_given_up(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST)
    for _ in range(MOST_UNDIALED):
        assert await tenant.run(8 * 3_600) == 1  # the limit of calls to one number counts them
        await tenant.end(await only_call(tenant), "failed", "carrier_error", "too_late", dialed=False)
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["status"], row["outcome"], row["attempts"]) == ("finished", "not_dialled", 0)


async def test_end_that_another_version_stored_is_settled_by_the_duty(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST)
    await tenant.run()
    call_id = await only_call(tenant)
    await tenant.platform.in_platform(
        lambda db: db.execute("UPDATE calls SET status = 'busy', ended_at = $2 WHERE id = $1", call_id, tenant.now)
    )
    assert await tenant.platform.in_platform(lambda db: settle_unsettled(db, tenant.now)) == 0
    later = tenant.now + timedelta(minutes=2)
    assert await tenant.platform.in_platform(lambda db: settle_unsettled(db, later)) == 1
    assert (await tenant.recipients(campaign))[FIRST]["outcome"] == "busy"


async def test_canceled_campaign_finishes_a_recipient_whose_call_ends_later(tenant: CampaignWorkspace) -> None:
    campaign = await tenant.start(FIRST)
    await tenant.run()
    await tenant.change("cancel", campaign)
    await tenant.end(await only_call(tenant), "busy")
    row = (await tenant.recipients(campaign))[FIRST]
    assert (row["status"], row["outcome"]) == ("finished", "busy")


@pytest.mark.parametrize(("leaves_messages", "expected"), [(True, True), (False, False)])
async def test_campaign_says_whether_a_machine_gets_the_agents_message(
    tenant: CampaignWorkspace, leaves_messages: bool, expected: bool
) -> None:
    tenant.now = datetime.now(UTC)
    made = await tenant.platform.create_workspace(voicemail_message="Please call us back.")
    tenant.workspace = made
    await tenant.start(FIRST, leaves_messages=leaves_messages)
    await tenant.run()
    call_id = await only_call(tenant)
    await dial(tenant, call_id)
    (order,) = tenant.platform.gateway.dialed
    assert order.leaves_message is expected
    stored = await tenant.platform.in_platform(lambda db: records_queries.lock_one(db, call_id))
    assert stored is not None and stored.to_planned(tenant.now).leaves_message is expected


@pytest.mark.parametrize(
    ("agent_rule", "campaign_rule", "screening"),
    [
        ("answer", None, ("answer", "This is Acme.")),
        ("answer", "end", ("end", "")),
        ("end", None, ("end", "")),
        ("end", "answer", ("answer", "This is Acme.")),
    ],
)
async def test_campaign_replaces_the_agents_rule_of_call_screening(
    tenant: CampaignWorkspace, agent_rule: str, campaign_rule: str | None, screening: tuple[str, str]
) -> None:
    tenant.now = datetime.now(UTC)
    platform = tenant.platform
    tenant.workspace = await platform.create_workspace(call_screening=agent_rule, screening_message="This is Acme.")
    await tenant.start(FIRST, call_screening=campaign_rule)
    await tenant.run()
    call_id = await only_call(tenant)
    await dial(tenant, call_id)
    carrier_call_id = (await platform.call_row(call_id))["carrier_call_id"]
    answered = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", carrier_call_id, call_id, tenant.now)
    )
    assert isinstance(answered, AdmittedCall)
    assert (answered.plan.screening, answered.plan.screening_message) == screening
    open_call = await platform.in_platform(lambda db: find_open(db, "twilio", carrier_call_id, tenant.now))
    assert open_call is not None and open_call.to_planned(tenant.now).call_screening == campaign_rule


async def _correct(db: Connection, call_id: UUID, reason: EndReason) -> None:
    before = (await records_queries.lock_states(db, [call_id]))[call_id]
    await save_changes(db, [(before, replace(before, end_reason=reason, status="completed"))])
