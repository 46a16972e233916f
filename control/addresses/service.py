"""Addresses under which a workspace buys numbers. Jobs register them at every carrier and delete them there."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.addresses import queries
from control.addresses.rules import AddressRegistration, BusinessAddress
from control.audit.service import Actor, Change, record_change
from control.carriers.rules import PostalAddress, require_area
from control.db.jobs import enqueue, is_queued
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.workspaces.service import Workspaces
from shared.errors import Conflict, NotFound
from shared.ids import new_id

REGISTER_ADDRESS: Final = "numbers.register_address"
DELETE_ADDRESS: Final = "numbers.delete_address"
# Maximum number of addresses of a workspace.
MOST_ADDRESSES: Final = 50
# A registration or deletion without progress for this long has lost its job.
STUCK: Final = timedelta(minutes=5)
_SYSTEM: Final = Actor("system")


class BusinessAddresses:
    """Manages addresses within the current transaction.

    The methods before `record_registration` need the workspace's scope; it and later methods need the platform's scope.
    The audit log contains only the country of an address, because the rest is deleted with the address.
    """

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[BusinessAddress]:
        """Return a page of the workspace's addresses, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_addresses(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_active(db, workspace_id))

    async def get(self, db: Connection, workspace_id: UUID, address_id: UUID) -> BusinessAddress:
        """Return an address. Raises NotFound, also for an address that is being deleted."""
        return _require(await queries.select_active(db, workspace_id, address_id))

    async def create(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        parts: PostalAddress,
        carriers: Sequence[str],
        now: datetime,
    ) -> BusinessAddress:
        """Store an address, which a job registers at these carriers.

        Raises Invalid (code country_unknown) and Conflict (codes address_limit, workspace_suspended).
        """
        require_area(parts.country, "")
        await self._workspaces.require_not_suspended(db, workspace_id)
        await queries.lock_list(db, workspace_id)
        if await queries.count_all(db, workspace_id) >= MOST_ADDRESSES:
            raise Conflict(
                f"A workspace can have at most {MOST_ADDRESSES} addresses, including addresses that are being deleted.",
                code="address_limit",
            )
        registrations = tuple(AddressRegistration(carrier, "pending", None, None) for carrier in carriers)
        address = BusinessAddress(UUID(new_id()), workspace_id, parts, "active", now, registrations)
        await queries.insert_address(db, address, carriers)
        await enqueue(db, REGISTER_ADDRESS, make_address_payload(address.id))
        await record_change(db, actor, _change("address.create", address, after=True))
        return address

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, address_id: UUID, now: datetime) -> None:
        """Mark an address as deleting. A job deletes it at the carriers, then here.

        Raises NotFound and Conflict (code address_in_use).
        """
        address = _require(await queries.select_active(db, workspace_id, address_id, lock="UPDATE"))
        if await queries.is_used(db, workspace_id, address_id):
            raise Conflict(
                "A phone number of this workspace is held under this address, or a regulatory bundle contains it.",
                code="address_in_use",
            )
        await self._start_deletion(db, actor, address, now)

    async def record_registration(
        self, db: Connection, address: BusinessAddress, registration: AddressRegistration, now: datetime
    ) -> bool:
        """Store the new state of a registration. Return False if the address is being deleted or gone."""
        if not await queries.select_active(db, address.workspace_id, address.id, lock="SHARE"):
            return False
        await queries.update_registration(db, address, registration, now)
        return True

    async def delete_expired(self, db: Connection, now: datetime, most: int) -> int:
        """Mark the addresses of up to `most` deleted workspaces as deleting, and return how many workspaces.

        Only workspaces whose numbers are released and whose grace period is over qualify. They can be purged
        afterwards.
        """
        workspaces = await queries.select_workspaces_with_addresses(db, now, most)
        for workspace_id in workspaces:
            for address in await queries.select_active(db, workspace_id, lock="UPDATE"):
                await self._start_deletion(db, _SYSTEM, address, now)
        return len(workspaces)

    async def requeue_stuck(self, db: Connection, carriers: Sequence[str], now: datetime, most: int) -> int:
        """Enqueue the jobs of up to `most` addresses whose registration or deletion is stuck.

        Return the greater number.

        Also enqueues up to `most` addresses that lack a registration at a carrier that was set up later.
        """
        missing = await queries.insert_missing_registrations(db, carriers, now, most)
        for address_id in dict.fromkeys(missing):
            await enqueue(db, REGISTER_ADDRESS, make_address_payload(address_id))
        stuck = await queries.lock_stuck(db, carriers, now - STUCK, most)
        for address_id, status in stuck:
            job = DELETE_ADDRESS if status == "deleting" else REGISTER_ADDRESS
            if not await is_queued(db, job, make_address_payload(address_id)):
                await enqueue(db, job, make_address_payload(address_id))
        await queries.touch(db, [address_id for address_id, _ in stuck], now)
        return max(len(stuck), len(missing))

    async def _start_deletion(self, db: Connection, actor: Actor, address: BusinessAddress, now: datetime) -> None:
        await queries.update_deleting(db, address.workspace_id, address.id, now)
        await enqueue(db, DELETE_ADDRESS, make_address_payload(address.id))
        await record_change(db, actor, _change("address.delete", address, after=False))


async def hold_addresses(db: Connection, workspace_id: UUID) -> list[BusinessAddress]:
    """Return the addresses of a workspace, locked against deletion until this transaction ends."""
    return await queries.select_active(db, workspace_id, lock="SHARE")


def make_address_payload(address_id: UUID) -> bytes:
    """Return the payload of an address's jobs.

    Equal addresses have equal payloads, so that the job is found in the queue.
    """
    return json.dumps({"address_id": str(address_id)}).encode()


def _change(action: str, address: BusinessAddress, *, after: bool) -> Change:
    values = {"country": address.address.country}
    return Change(
        action,
        "address",
        str(address.id),
        address.workspace_id,
        before=None if after else values,
        after=values if after else None,
    )


def _require(found: Sequence[BusinessAddress]) -> BusinessAddress:
    if not found:
        raise NotFound("This address does not exist.", code="address_not_found")
    return found[0]
