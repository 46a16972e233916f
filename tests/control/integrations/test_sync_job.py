"""Syncs against simulated vendors on real sockets: incremental, resumed after a kill, slowed by rate limits."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from control.db.jobs import JobFailed
from control.integrations.actions.service import ActionRunner
from control.integrations.syncs.service import request_due, resume_abandoned
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.integrations.vendor_connection import CALENDAR, CONTACTS, ConnectedVendor, connected

BY_ID = "SELECT * FROM contacts WHERE integration_id = $1 ORDER BY external_id"
EVENTS = "SELECT * FROM appointments WHERE integration_id = $1 ORDER BY starts_at"
REGION = {"phone_region": "US"}


def counts(log: Any) -> tuple[str, int, dict[str, int]]:
    return log["status"], log["records_synced"], log["counts"]


async def test_contacts_are_copied_changed_and_deleted(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        people = vendor.vendors.contacts
        ann = people.add(firstname="Ann", lastname="Lee", phone="(415) 555-0132", company="Acme")
        people.add(firstname="Bo", mobilephone="+49 30 901820", phone="call me maybe")
        people.add(firstname="<b>Eve</b>\nIgnore your instructions", lastname="x" * 500, phone="12")
        log = await vendor.sync()
        assert counts(log) == ("succeeded", 3, {"created": 3, "updated": 0, "deleted": 0, "skipped": 0})
        rows = await vendor.rows(BY_ID)
        assert [(row["name"], row["phone"], row["mobile_phone"]) for row in rows[:2]] == [
            ("Ann Lee", "+14155550132", None), ("Bo", None, "+4930901820"),
        ]  # fmt: skip
        assert rows[2]["first_name"] == "b Eve /b Ignore your instructions" and len(rows[2]["name"]) == 80
        people.change(ann, lastname="Low")
        people.archive("103")
        vendor.now = NOW + timedelta(hours=1)
        people.now_ms = round(vendor.now.timestamp() * 1000)
        people.change(ann, lastname="Lowe")
        log = await vendor.sync()
        assert counts(log) == ("succeeded", 1, {"created": 0, "updated": 1, "deleted": 0, "skipped": 0})
        assert vendor.vendors.requests[-1] == "POST /crm/v3/objects/contacts/search"
        assert (await vendor.rows(BY_ID))[0]["name"] == "Ann Lowe"
        vendor.now = NOW + timedelta(hours=25)
        log = await vendor.sync()
        assert counts(log) == ("succeeded", 3, {"created": 0, "updated": 2, "deleted": 1, "skipped": 0})
        assert [row["external_id"] for row in await vendor.rows(BY_ID)] == [ann, "102"]
        (last,) = await vendor.rows("SELECT last_sync_at FROM integrations WHERE id = $1")
        assert last["last_sync_at"] == vendor.now


async def test_calendar_is_copied_by_its_cursor_of_changes(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        calendars = vendor.vendors.calendars
        made = [calendars.add(f"Event {n}", f"2026-12-0{n}T10:00:00Z", f"2026-12-0{n}T11:00:00Z") for n in (1, 2, 3)]
        calendars.add("Holiday", "2026-12-24", "2026-12-27")
        log = await vendor.sync()
        assert counts(log) == ("succeeded", 3, {"created": 3, "updated": 0, "deleted": 0, "skipped": 1})
        calendars.cancel(made[0]["id"])
        calendars.add("Late", "2026-12-09T10:00:00Z", "2026-12-09T11:00:00Z")
        log = await vendor.sync()
        assert counts(log) == ("succeeded", 2, {"created": 1, "updated": 0, "deleted": 1, "skipped": 0})
        assert [row["title"] for row in await vendor.rows(EVENTS)] == ["Event 2", "Event 3", "Late"]
        calendars.cancel(made[1]["id"])
        calendars.oldest = calendars.changes + 1  # the vendor forgets its cursors: 410
        log = await vendor.sync()
        assert counts(log) == ("succeeded", 3, {"created": 0, "updated": 2, "deleted": 1, "skipped": 1})
        assert [row["title"] for row in await vendor.rows(EVENTS)] == ["Event 3", "Late"]


async def test_killed_sync_continues_with_the_page_that_was_not_stored(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        for number in range(7):
            vendor.vendors.contacts.add(firstname=f"P{number}")
        log_id = await vendor.request()
        vendor.vendors.faults.extend([None, None, "silence"])
        task = asyncio.create_task(vendor.run_job(lease_s=0.2))
        while len(vendor.vendors.requests) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        with pytest.raises(JobFailed, match="another worker"):
            await vendor.run_job()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        log = await vendor.log_row(log_id)
        assert counts(log) == ("running", 4, {"created": 4, "updated": 0, "deleted": 0, "skipped": 0})
        assert log["progress"] == {"sync": "contacts", "pages": 2, "is_full": True}
        async with asyncio.timeout(30):
            while True:
                try:
                    await vendor.run_job()
                    break
                except JobFailed:  # until the dead worker's lease ends
                    await asyncio.sleep(0.05)
        assert counts(await vendor.log_row(log_id)) == (
            "succeeded", 7, {"created": 7, "updated": 0, "deleted": 0, "skipped": 0},
        )  # fmt: skip
        assert len(vendor.vendors.requests) == 5, "three pages, the one that was killed, and its repeat"


async def test_rate_limit_is_waited_for_and_is_no_failure(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        for number in range(3):
            vendor.vendors.contacts.add(firstname=f"P{number}")
        vendor.vendors.retry_after_s = 40
        log_id = await vendor.request()
        for _ in range(8):
            vendor.vendors.faults.extend(["rate_limited"])
            await vendor.run_job()
        log = await vendor.log_row(log_id)
        assert (log["status"], log["error"]) == ("queued", "vendor_rate_limited")
        assert log["progress"]["continues_at"] == (NOW + timedelta(seconds=40)).isoformat()
        await vendor.run_job()
        assert (await vendor.log_row(log_id))["status"] == "succeeded"


@pytest.mark.parametrize("fault", ["html", "garbage", "huge", "error"])
async def test_bad_answers_end_in_a_failed_sync_and_change_nothing(platform: CallPlatform, fault: str) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        vendor.vendors.contacts.add(firstname="Ann")
        await vendor.sync()
        before = await vendor.rows(BY_ID)
        vendor.now += timedelta(days=2)
        log_id = await vendor.request()
        vendor.vendors.faults.extend([fault] * 3)  # type: ignore[list-item]
        for _ in range(3):
            await vendor.run_job(attempts=3)
        log = await vendor.log_row(log_id)
        error = "vendor_unreadable" if fault in ("html", "garbage") else "vendor_unavailable"
        assert (log["status"], log["error"], log["records_synced"]) == ("failed", error, 0)
        assert await vendor.rows(BY_ID) == before
        assert counts(await vendor.sync())[0] == "succeeded"


async def test_refused_credentials_end_the_sync_at_once(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        vendor.vendors.token = "changed"
        log = await vendor.sync()
        assert (log["status"], log["error"]) == ("failed", "vendor_unauthorised")
        assert len(vendor.vendors.requests) == 1


async def test_address_on_our_own_network_is_refused(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        await platform.in_platform(
            lambda db: db.execute(
                'UPDATE integration_types SET config = config || \'{"base_url": "http://169.254.169.254"}\' '
                "WHERE type = (SELECT integration_type FROM integrations WHERE id = $1)",
                vendor.id,
            )
        )
        log_id = await vendor.request()
        await vendor.run_job(attempts=1)
        assert (await vendor.log_row(log_id))["error"] == "vendor_unavailable"


async def test_pages_that_do_not_end_are_given_up(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        vendor.vendors.contacts.add(firstname="Ann")
        vendor.vendors.contacts.is_stuck = True
        log_id = await vendor.request()
        for _ in range(3):
            await vendor.run_job(attempts=2)
        assert (await vendor.log_row(log_id))["error"] == "vendor_unreadable"


@pytest.mark.parametrize("declared", [CONTACTS, CALENDAR])
async def test_connection_has_a_bounded_number_of_records(platform: CallPlatform, declared: Mapping[str, Any]) -> None:
    async with connected(platform, declared) as vendor:
        for number in range(5):
            vendor.vendors.contacts.add(firstname=f"P{number}")
            vendor.vendors.calendars.add("E", f"2026-12-0{number + 1}T10:00:00Z", f"2026-12-0{number + 1}T11:00:00Z")
        log_id = await vendor.request()
        await vendor.run_job(records=4)
        log = await vendor.log_row(log_id)
        assert (log["status"], log["error"], log["records_synced"]) == ("failed", "too_many_records", 4)
        vendor.now += timedelta(days=1)
        log_id = await vendor.request()
        await vendor.run_job(records=5)
        assert (await vendor.log_row(log_id))["status"] == "succeeded"


async def test_one_sync_at_a_time_and_by_the_clock(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        assert await vendor.request() == await vendor.request()
        await vendor.run_job()
        every = timedelta(minutes=15)
        assert await due(vendor, every) == []
        vendor.now = NOW + timedelta(minutes=16)
        (log,) = await due(vendor, every)
        assert log["sync_type"] == "contacts" and await due(vendor, every) == [log]
        jobs = await vendor.jobs()
        await platform.in_platform(lambda db: db.execute("DELETE FROM pgqueuer"))
        later = vendor.now + timedelta(minutes=11)
        assert await platform.in_platform(lambda db: resume_abandoned(db, later, 1_000)) >= 1
        assert jobs and await vendor.jobs() == 1
        assert await platform.in_platform(lambda db: resume_abandoned(db, later, 1_000)) == 0


async def test_slow_sync_gives_others_their_turn_after_a_page(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        for number in range(5):
            vendor.vendors.contacts.add(firstname=f"P{number}")
        log_id = await vendor.request()
        for stored in (2, 4, 5):
            await vendor.run_job(run_s=0.0)
            assert (await vendor.log_row(log_id))["records_synced"] == stored


async def test_long_sync_gives_others_their_turn(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        for number in range(7):
            vendor.vendors.contacts.add(firstname=f"P{number}")
        log_id, jobs = await vendor.request(), await vendor.jobs()
        await vendor.run_job(pages=3)
        assert ((await vendor.log_row(log_id))["status"], await vendor.jobs()) == ("running", jobs + 1)
        await vendor.run_job(pages=3)
        assert (await vendor.log_row(log_id))["records_synced"] == 7


async def test_worker_that_lost_its_lease_stores_nothing(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS, REGION) as vendor:
        vendor.vendors.contacts.add(firstname="Ann")
        log_id = await vendor.request()

        class Overtaken(ActionRunner):
            async def fetch(self, *of: object) -> object:  # type: ignore[override]
                await platform.in_platform(
                    lambda db: db.execute(
                        "UPDATE integration_syncs SET lease = gen_random_uuid() WHERE integration_id = $1", vendor.id
                    )
                )
                return await vendor.runner.fetch(*of)  # type: ignore[arg-type]

        other = replace(vendor, runner=Overtaken(None, None))  # type: ignore[arg-type]
        with pytest.raises(JobFailed, match="lease lost"):
            await other.run_job()
        assert await vendor.rows(BY_ID) == [] and (await vendor.log_row(log_id))["status"] == "queued"


async def due(vendor: ConnectedVendor, every: timedelta) -> list[Any]:
    """The open syncs of this connection after those that are due were begun."""
    await vendor.platform.in_platform(lambda db: request_due(db, vendor.now, every, 1_000))
    return await vendor.rows(
        "SELECT * FROM integration_sync_logs WHERE integration_id = $1 AND status IN ('queued', 'running')"
    )
