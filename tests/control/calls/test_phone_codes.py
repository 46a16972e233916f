"""Verification of phone numbers: who is called with a code, how often, and what a code is good for."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from control.accounts.rules import VerifiedNumber
from control.calls.outbound.service import PLACE_CALL
from control.calls.verified_numbers.rules import PhoneCode
from control.calls.verified_numbers.service import MOST_FAILURES, PURPOSE, CodeRequest, PhoneCodes
from control.db.pool import Connection
from control.platform.service import Platform
from shared.errors import Invalid, Problem
from tests.control.calls.call_platform import NOW, SEALER, STAFF, CallPlatform, LiveWorkspace

PHONE = "+12125550123"


async def change_settings(platform: CallPlatform, **values: int | bool) -> None:
    await platform.in_platform(lambda db: platform.services[Platform].change_settings(db, STAFF, values))


@pytest.fixture(autouse=True)
async def strict(platform: CallPlatform) -> AsyncIterator[None]:
    """Trials call verified numbers only, as shipped; no phone has had a code today."""
    await change_settings(platform, trial_calls_verified_only=True)
    await platform.in_platform(lambda db: db.execute("DELETE FROM phone_codes"))
    yield
    await change_settings(platform, trial_calls_verified_only=False, phone_codes_per_number=3, phone_codes_per_day=5)


async def request(
    platform: CallPlatform, workspace: LiveWorkspace, number: str = PHONE, at: datetime = NOW
) -> PhoneCode:
    assert workspace.actor.id is not None
    wanted = CodeRequest(workspace.workspace_id, workspace.actor.id, number, "en")
    codes = platform.services[PhoneCodes]
    return await platform.in_workspace(workspace, lambda db: codes.request(db, workspace.actor, wanted, at))


async def confirm(
    platform: CallPlatform, workspace: LiveWorkspace, code: PhoneCode, given: str, at: datetime = NOW
) -> VerifiedNumber:
    """Commits what a failure counts, as a request does."""
    actor, user_id = workspace.actor, workspace.actor.id
    assert user_id is not None
    failed: list[Problem] = []

    async def work(db: Connection) -> VerifiedNumber | None:
        try:
            return await platform.services[PhoneCodes].confirm(
                db, actor, workspace.workspace_id, user_id, code.id, given, at
            )
        except Problem as problem:
            if not problem.commits:
                raise
            failed.append(problem)
            return None

    verified = await platform.in_workspace(workspace, work)
    if verified is None:
        raise failed[0]
    return verified


async def code_of(platform: CallPlatform, workspace: LiveWorkspace, number: str, **options: datetime) -> str:
    """The code of the refusal."""
    with pytest.raises(Problem) as raised:
        await request(platform, workspace, number, **options)
    return raised.value.code


def digits_of(code: PhoneCode) -> str:
    return SEALER.open(code.code, PURPOSE).decode()


def wrong(code: PhoneCode) -> str:
    return f"{(int(digits_of(code)) + 1) % 1_000_000:06}"


async def test_a_trial_calls_the_phone_that_was_verified_and_no_other(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    with pytest.raises(Invalid) as refused:
        await platform.place(workspace, PHONE, test=True)
    assert refused.value.code == "number_unverified"
    code = await request(platform, workspace)
    row = await platform.call_row(code.call_id)
    assert (row["called_number"], row["agent_id"], row["is_test"], row["status"]) == (PHONE, None, True, "queued")
    assert len(await platform.job_payloads(PLACE_CALL)) >= 1
    verified = await confirm(platform, workspace, code, digits_of(code))
    assert verified.phone_number == PHONE
    assert await platform.place(workspace, PHONE, test=True)
    with pytest.raises(Invalid) as refused:
        await platform.place(workspace, "+12125550124", test=True)
    assert refused.value.code == "number_unverified"
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET status = 'active' WHERE id = $1", workspace.workspace_id)
    )
    assert await platform.place(workspace, "+12125550124", test=True)


async def test_a_trial_calls_and_verifies_in_its_numbers_country_only(platform: CallPlatform) -> None:
    """The United States and Canada share a country code, and other workspaces may call both."""
    workspace = await platform.create_workspace()
    canadian = "+14165550123"
    assert await code_of(platform, workspace, canadian) == "country_not_allowed"
    with pytest.raises(Invalid) as refused:
        await platform.place(workspace, canadian, test=True)
    assert refused.value.code == "country_not_allowed"


async def test_callers_of_a_trial_are_transferred_to_verified_phones_only(platform: CallPlatform) -> None:
    await change_settings(platform, trial_calls_verified_only=False)
    workspace = await platform.create_workspace(fallback_number=PHONE)
    await change_settings(platform, trial_calls_verified_only=True)

    async def transferable() -> str:
        return await platform.in_workspace(
            workspace, lambda db: platform.outbound.require_transferable(db, workspace.workspace_id, PHONE)
        )

    with pytest.raises(Invalid) as refused:
        await transferable()
    assert (refused.value.code, refused.value.param) == ("number_unverified", "number")
    assert (await platform.admit(workspace)).plan.agent.fallback_number == ""
    code = await request(platform, workspace)
    await confirm(platform, workspace, code, digits_of(code))
    assert await transferable() == PHONE
    assert (await platform.admit(workspace)).plan.agent.fallback_number == PHONE


async def test_a_code_is_good_once_and_for_a_time(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    code = await request(platform, workspace)
    with pytest.raises(Problem) as over:
        await confirm(platform, workspace, code, digits_of(code), NOW + timedelta(minutes=10))
    assert over.value.code == "phone_code_over"
    await confirm(platform, workspace, code, digits_of(code))
    with pytest.raises(Problem) as over:
        await confirm(platform, workspace, code, digits_of(code))
    assert over.value.code == "phone_code_over"


async def test_guesses_are_counted(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    code = await request(platform, workspace)
    found = []
    for _ in range(MOST_FAILURES):
        with pytest.raises(Problem) as refused:
            await confirm(platform, workspace, code, wrong(code))
        found.append(refused.value.code)
    assert set(found) == {"phone_code_wrong"}
    with pytest.raises(Problem) as over:
        await confirm(platform, workspace, code, digits_of(code))
    assert over.value.code == "phone_code_over"


async def test_nobody_confirms_the_code_of_another(platform: CallPlatform) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    code = await request(platform, workspace)
    with pytest.raises(Problem) as missing:
        await confirm(platform, other, code, digits_of(code))
    assert missing.value.code == "phone_code_not_found"


async def test_a_phone_gets_few_codes_a_day_whoever_requests_them(platform: CallPlatform) -> None:
    await change_settings(platform, phone_codes_per_number=2)
    workspaces = [await platform.create_workspace() for _ in range(4)]
    results = await asyncio.gather(*(request(platform, workspace) for workspace in workspaces), return_exceptions=True)
    refused = [result.code for result in results if isinstance(result, Problem)]
    assert (len(results) - len(refused), refused) == (2, ["phone_code_limit"] * 2)
    assert await request(platform, workspaces[0], at=NOW + timedelta(days=1, seconds=1))


async def test_a_person_requests_few_codes_a_day(platform: CallPlatform) -> None:
    await change_settings(platform, phone_codes_per_day=1)
    workspace = await platform.create_workspace()
    await request(platform, workspace)
    assert await code_of(platform, workspace, "+12125550124") == "phone_code_limit"


@pytest.mark.parametrize(
    ("number", "code"),
    [("+1212", "number_invalid"), ("+19005551234", "number_refused"), ("+442079460123", "country_not_allowed")],
)
async def test_no_other_phone_is_called_with_a_code(platform: CallPlatform, number: str, code: str) -> None:
    workspace = await platform.create_workspace()
    assert await code_of(platform, workspace, number) == code
    assert await code_of(platform, workspace, workspace.number) == "number_is_own"
    assert await platform.call_rows(workspace) == []


async def test_the_call_with_a_code_lasts_a_minute_at_most(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    code = await request(platform, workspace)
    order = await platform.in_platform(lambda db: platform.placement.start(db, code.call_id, NOW))
    assert order is not None
    assert (order.dial.max_duration_s, order.dial.record) == (60, False)


async def test_verified_phones_are_listed_and_forgotten(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    code = await request(platform, workspace)
    verified = await confirm(platform, workspace, code, digits_of(code))
    codes, user_id = platform.services[PhoneCodes], workspace.actor.id or UUID(int=0)

    async def listed() -> list[VerifiedNumber]:
        return await platform.in_workspace(workspace, lambda db: codes.list_verified(db, workspace.workspace_id))

    assert await listed() == [verified]
    await platform.in_workspace(
        workspace, lambda db: codes.forget(db, workspace.actor, workspace.workspace_id, user_id, verified.id)
    )
    assert await listed() == []
