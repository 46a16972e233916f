"""Worker tasks for addresses: register addresses at the carriers, and delete them there.

Carriers are called between two transactions, never within a transaction. An address's id is the reference that the
carriers store, so a repeated job finds the work of a worker that died.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import structlog

from control.addresses import queries
from control.addresses.rules import AddressRegistration, BusinessAddress
from control.addresses.service import DELETE_ADDRESS, REGISTER_ADDRESS, BusinessAddresses
from control.carriers.rules import CarrierDocuments, CarrierError, CarrierRefused
from control.carriers.service import Carriers
from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

log = structlog.get_logger()


def addresses_tasks(pool: Pool, addresses: BusinessAddresses, carriers: Carriers) -> WorkerTasks:
    """Return the registration and deletion jobs and the duties of addresses.

    The duty `addresses` requeues stuck addresses, and `doomed_addresses` deletes the addresses of deleted workspaces.
    """

    async def stuck(db: Connection, now: datetime) -> int:
        return await addresses.requeue_stuck(db, [carrier.name for carrier in carriers], now, 50)

    async def expired(db: Connection, now: datetime) -> int:
        return await addresses.delete_expired(db, now, 10)

    return WorkerTasks(
        handlers={
            REGISTER_ADDRESS: make_register_address_job(pool, addresses, carriers),
            DELETE_ADDRESS: make_delete_address_job(pool, addresses, carriers),
        },
        duties=[Duty("addresses", 60, stuck, 50), Duty("doomed_addresses", 600, expired, 10)],
    )


def make_register_address_job(pool: Pool, addresses: BusinessAddresses, carriers: Carriers) -> JobHandler:
    """Return the job that registers an address at the carriers where it is pending. Payload: JSON with `address_id`."""
    return _make_job(_AddressJobs(pool, addresses, carriers).register)


def make_delete_address_job(pool: Pool, addresses: BusinessAddresses, carriers: Carriers) -> JobHandler:
    """Return the job that deletes an address at the carriers, then here. Payload: JSON with `address_id`."""
    return _make_job(_AddressJobs(pool, addresses, carriers).delete)


class AddressJob(msgspec.Struct, frozen=True):
    """Payload of the registration and deletion jobs."""

    address_id: UUID


def _make_job(act: Callable[[UUID], Awaitable[None]]) -> JobHandler:
    async def run(payload: bytes) -> None:
        try:
            await act(decode_payload(payload, AddressJob).address_id)
        except CarrierError as fault:
            raise JobFailed(f"{fault.carrier}: {fault.code}") from None

    return run


class _AddressJobs:
    """The handlers of the registration and deletion jobs. They raise CarrierError if a retry may succeed."""

    def __init__(self, pool: Pool, addresses: BusinessAddresses, carriers: Carriers) -> None:
        self._pool, self._addresses, self._carriers = pool, addresses, carriers

    async def register(self, address_id: UUID) -> None:
        """Register an address at each carrier where it is pending, even if another carrier is unavailable."""
        address = await self._load(address_id)
        if address is None:
            await self._delete_remains(address_id)
            return
        if address.status != "active":
            return
        fault: CarrierError | None = None
        known = {carrier.name for carrier in self._carriers}
        for pending in address.registrations:
            if pending.status != "pending" or pending.carrier not in known:
                continue
            try:
                await self._register_at(self._carriers.get(pending.carrier).documents, address, pending)
            except CarrierError as error:
                fault = error
        if fault is not None:
            raise fault

    async def delete(self, address_id: UUID) -> None:
        address = await self._load(address_id)
        if address is None or address.status != "deleting":
            return
        fault: CarrierError | None = None
        for registration in address.registrations:
            try:
                documents = self._carriers.get(registration.carrier).documents
                await _delete_at(documents, address.id, registration.carrier_address_id)
            except CarrierError as error:
                fault = error
        if fault is not None:
            raise fault
        async with self._pool.transaction() as db:
            await enter_platform(db)
            await queries.delete_address(db, address)

    async def _delete_remains(self, address_id: UUID) -> None:
        """Delete registrations at the carriers that an earlier attempt made while the address was deleted here."""
        for carrier in self._carriers:
            await _delete_at(carrier.documents, address_id, None)

    async def _register_at(
        self, documents: CarrierDocuments, address: BusinessAddress, pending: AddressRegistration
    ) -> None:
        try:
            found = await documents.create_address(address.address, str(address.id))
        except CarrierRefused as refused:
            if refused.account_refused:  # The carrier refused the account, not the address.
                raise
            log.info("address.rejected", carrier=pending.carrier, code=refused.code)
            why = f"The carrier refused: {refused.message}."
            await self._record(address, replace(pending, status="rejected", status_detail=why))
            return
        if not await self._record(address, replace(pending, status="registered", carrier_address_id=found)):
            # The address was deleted in the meantime, perhaps before the carrier registered it.
            await documents.delete_address(found)

    async def _record(self, address: BusinessAddress, registration: AddressRegistration) -> bool:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            return await self._addresses.record_registration(db, address, registration, datetime.now(UTC))

    async def _load(self, address_id: UUID) -> BusinessAddress | None:
        async with self._pool.transaction() as db:
            await enter_platform(db)
            return await queries.select_address(db, address_id)


async def _delete_at(documents: CarrierDocuments, address_id: UUID, carrier_address_id: str | None) -> None:
    """Delete an address at a carrier.

    Also search the address by our reference: a worker may have died before it stored the carrier's id, or have
    registered the address twice.
    """
    found = await documents.find_addresses(str(address_id))
    for carrier_id in dict.fromkeys([*([carrier_address_id] if carrier_address_id else []), *found]):
        await documents.delete_address(carrier_id)
