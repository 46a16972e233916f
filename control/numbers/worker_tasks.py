"""The worker's tasks for phone numbers, and for the addresses and documents that they are bought under."""

from datetime import datetime

from control.carriers.service import Carriers
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.numbers.address_jobs import make_delete_address_job, make_register_address_job
from control.numbers.addresses import DELETE_ADDRESS, REGISTER_ADDRESS, BusinessAddresses
from control.numbers.bundles import check_bundles
from control.numbers.purchase_jobs import BUY, RELEASE, make_buy_job, make_release_job
from control.numbers.service import Numbers
from control.numbers.webhook_addresses import configure_numbers


def numbers_tasks(pool: Pool, numbers: Numbers, addresses: BusinessAddresses, carriers: Carriers) -> WorkerTasks:
    """Jobs of purchase and release, and of addresses; duties `numbers` and `addresses` (stuck ones), `doomed_numbers`
    and `doomed_addresses` (of deleted workspaces), `number_webhooks` (not configured as settings say) and `bundles`
    (their statuses at the carriers)."""

    async def stuck(db: Connection, now: datetime) -> int:
        return await numbers.requeue_stuck(db, now, 50)

    async def expired(db: Connection, now: datetime) -> int:
        return await numbers.release_expired(db, now, 10)

    async def stuck_addresses(db: Connection, now: datetime) -> int:
        return await addresses.requeue_stuck(db, [carrier.name for carrier in carriers], now, 50)

    async def expired_addresses(db: Connection, now: datetime) -> int:
        return await addresses.delete_expired(db, now, 10)

    async def bundles(pool: Pool, now: datetime) -> int:
        return await check_bundles(pool, carriers, now, 20)

    async def number_webhooks(pool: Pool, now: datetime) -> int:
        return await configure_numbers(pool, carriers, now, 20)

    return WorkerTasks(
        handlers={
            BUY: make_buy_job(pool, numbers, carriers),
            RELEASE: make_release_job(pool, numbers, carriers),
            REGISTER_ADDRESS: make_register_address_job(pool, addresses, carriers),
            DELETE_ADDRESS: make_delete_address_job(pool, addresses, carriers),
        },
        duties=[
            Duty("numbers", 60, stuck, 50),
            Duty("doomed_numbers", 600, expired, 10),
            Duty("addresses", 60, stuck_addresses, 50),
            Duty("doomed_addresses", 600, expired_addresses, 10),
            OutsideDuty("bundles", 300, bundles, 20),
            OutsideDuty("number_webhooks", 60, number_webhooks, 20),
        ],
    )
