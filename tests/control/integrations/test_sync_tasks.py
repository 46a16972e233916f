"""Duties of syncs: what is old is deleted, and whose syncs are begun."""

from datetime import timedelta

from control.db.duties import Duty
from control.integrations.tasks import sync_tasks
from tests.control.calls.call_platform import NOW, CallPlatform
from tests.control.integrations.vendor_connection import CALENDAR, CONTACTS, ConnectedVendor, connected

OPEN = "SELECT sync_type FROM integration_sync_logs WHERE integration_id = $1 AND status = 'queued'"


async def run_duty(vendor: ConnectedVendor, name: str) -> int:
    """As the worker does."""
    tasks = sync_tasks(vendor.platform.pool, vendor.runner)
    (duty,) = [one for one in tasks.duties if one.name == name]
    assert isinstance(duty, Duty)
    return await duty.run_once(vendor.platform.pool, vendor.now)


async def test_old_appointments_and_entries_of_the_log_are_deleted(platform: CallPlatform) -> None:
    async with connected(platform, CALENDAR) as vendor:
        vendor.vendors.calendars.add("Soon", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z")
        vendor.vendors.calendars.add("Old", "2025-12-01T10:00:00Z", "2025-12-01T11:00:00Z")
        log = await vendor.sync()
        assert log["counts"] == {"created": 1, "updated": 0, "deleted": 0, "skipped": 1}
        waiting = await vendor.request()
        assert [await run_duty(vendor, name) for name in ("old_appointments", "old_sync_logs")] == [0, 0]
        vendor.now = NOW + timedelta(days=100)
        assert [await run_duty(vendor, name) for name in ("old_appointments", "old_sync_logs")] == [1, 1]
        (left,) = await vendor.rows("SELECT id FROM integration_sync_logs WHERE integration_id = $1")
        assert left["id"] == waiting, "a sync that waits is kept"


async def test_nothing_is_copied_for_a_suspended_workspace(platform: CallPlatform) -> None:
    async with connected(platform, CONTACTS) as vendor:
        status = "UPDATE workspaces SET status = $2 WHERE id = $1"
        workspace = vendor.workspace.workspace_id
        await platform.in_platform(lambda db: db.execute(status, workspace, "suspended"))
        await run_duty(vendor, "integration_syncs")
        assert await vendor.rows(OPEN) == []
        await platform.in_platform(lambda db: db.execute(status, workspace, "active"))
        await run_duty(vendor, "integration_syncs")
        assert [row["sync_type"] for row in await vendor.rows(OPEN)] == ["contacts"]
