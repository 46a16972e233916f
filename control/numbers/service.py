"""The rules of phone numbers: bought and given back by jobs, counted against the tier, never two holders of one."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.agents.service import Agents
from control.carriers.model import Owned
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.numbers import store, store_all
from control.numbers.market import Market
from control.numbers.model import Number, Wanted
from control.numbers.plan import country_of
from control.platform.audit import Actor, Change, record
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Missing, TooMany
from shared.ids import new_id

BUY: Final = "numbers.buy"
RELEASE: Final = "numbers.release"
# What has not moved for so long has lost its job.
STUCK: Final = timedelta(minutes=5)
DAY: Final = timedelta(days=1)
_SYSTEM: Final = Actor("system")


class Numbers:
    """Every method works within the caller's transaction: the first ones in a workspace's scope, those after `resume`
    in the platform's. market: what can be bought."""

    def __init__(self, *, workspaces: Workspaces, agents: Agents, platform: Platform) -> None:
        self._workspaces, self._agents, self._platform = workspaces, agents, platform
        self.market = Market()

    async def find(
        self, db: Connection, workspace_id: UUID, *, status: str | None, offset: int, limit: int
    ) -> tuple[list[Number], int]:
        """A page, newest first, and how many there are. Released ones only when asked for."""
        total = await store.count_matching(db, workspace_id, status)
        return await store.select_numbers(db, workspace_id, status, offset, limit), total

    async def get(self, db: Connection, workspace_id: UUID, number_id: UUID) -> Number:
        """Raises Missing."""
        return _found(await store.select_number(db, workspace_id, number_id))

    async def buy(self, db: Connection, workspace_id: UUID, actor: Actor, wanted: Wanted, now: datetime) -> Number:
        """A number with status buying; a job does the rest.

        Raises Invalid (code phone_number_invalid), Conflict (codes number_taken, number_limit, workspace_suspended,
        owner_unverified) and TooMany (code number_daily_limit)."""
        country = country_of(wanted.phone_number)
        await self._workspaces.require_running(db, workspace_id)
        await self._require_room(db, workspace_id, now)
        number = _new(workspace_id, wanted, country, now)
        if not await store.insert_number(db, number):
            raise Conflict("This number is taken.", code="number_taken", param="phone_number")
        await enqueue(db, BUY, payload_of(number.id))
        after = {"phone_number": number.phone_number, "carrier": number.carrier}
        await record(db, actor, Change("number.buy", "phone_number", str(number.id), workspace_id, after=after))
        return number

    async def rename(
        self, db: Connection, workspace_id: UUID, actor: Actor, number_id: UUID, friendly_name: str, now: datetime
    ) -> Number:
        """Raises Missing."""
        before = _held(await store.lock_number(db, workspace_id, number_id))
        if before.friendly_name == friendly_name:
            return before
        await store.update_name(db, workspace_id, number_id, friendly_name, now)
        change = Change(
            "number.rename", "phone_number", str(number_id), workspace_id,
            before={"friendly_name": before.friendly_name}, after={"friendly_name": friendly_name},
        )  # fmt: skip
        await record(db, actor, change)
        return await self.get(db, workspace_id, number_id)

    async def release(self, db: Connection, workspace_id: UUID, actor: Actor, number_id: UUID, now: datetime) -> None:
        """Has it given back, by a job; no agent answers it any more. One whose purchase failed goes at once; one whose
        purchase does not come to an end may be given up.

        Raises Missing and Conflict (codes number_in_use, number_buying)."""
        agent_id = (await self.get(db, workspace_id, number_id)).agent_id
        if agent_id is not None:
            await store.lock_agent(db, workspace_id, agent_id)
        number = _held(await store.lock_number(db, workspace_id, number_id))
        if number.status == "releasing":
            return
        if number.status == "failed":
            await store.update_released(db, workspace_id, number_id, now)
            await _note_release(db, actor, number)
            return
        if number.status == "buying" and now - number.created_at < STUCK:
            raise Conflict("This number is still being bought.", code="number_buying")
        await self._require_idle(db, number, agent_id)
        await self._let_go(db, actor, number, now)

    async def release_all(self, db: Connection, workspace_id: UUID, now: datetime) -> int:
        """Has all numbers of a workspace given back, those that are being bought too, whoever answers them; how many.

        In the workspace's scope or the platform's."""
        numbers = [
            _found(await store.select_number(db, workspace_id, number_id))
            for number_id in await store_all.select_held(db, workspace_id)
        ]
        for number in numbers:
            await self._let_go(db, _SYSTEM, number, now)
        return len(numbers)

    async def release_doomed(self, db: Connection, now: datetime, most: int) -> int:
        """The same for up to `most` deleted workspaces past their grace period, which can be purged afterwards."""
        return sum([await self.release_all(db, one, now) for one in await store_all.select_doomed(db, now, most)])

    async def reconcile(self, db: Connection, now: datetime, most: int) -> int:
        """Gives up to `most` numbers that hang in buying or releasing their job again; how many were looked at."""
        stuck = await store_all.lock_stuck(db, now - STUCK, most)
        for number_id, status in stuck:
            job, payload = BUY if status == "buying" else RELEASE, payload_of(number_id)
            if not await store_all.is_queued(db, job, payload):
                await enqueue(db, job, payload)
        await store_all.touch(db, [number_id for number_id, _ in stuck], now)
        return len(stuck)

    async def resume(self, db: Connection, number_id: UUID) -> Number | None:
        """A number that a job is about; None if it is gone with its workspace."""
        workspace_id = await store_all.select_workspace(db, number_id)
        return None if workspace_id is None else await store.select_number(db, workspace_id, number_id)

    async def priced(self, db: Connection, number: Number, price: Decimal) -> None:
        """Notes what a number that is being bought will cost a month."""
        await store.update_price(db, number.workspace_id, number.id, price)

    async def highest_price(self, db: Connection) -> int:
        """US dollars a month; what costs more is not bought."""
        return int(await self._platform.setting(db, "number_highest_monthly_price"))

    async def bought(self, db: Connection, number: Number, owned: Owned, now: datetime) -> bool:
        """Makes it active. False: nobody wants it any more."""
        return await store.update_bought(
            db, number.workspace_id, number.id, owned.carrier_number_id, owned.capabilities, now
        )

    async def failed(self, db: Connection, number: Number, why: str, now: datetime) -> None:
        """Ends a purchase. why: shown to the customer."""
        await store.update_failed(db, number.workspace_id, number.id, why, now)

    async def released(self, db: Connection, number: Number, now: datetime) -> None:
        """Ends a release."""
        await store.update_released(db, number.workspace_id, number.id, now)

    async def _require_room(self, db: Connection, workspace_id: UUID, now: datetime) -> None:
        """Tier before numbers, as everywhere: a change of tier in between could deadlock.

        One that is being given back keeps its place, and purchases of a day are counted: each costs a month's price,
        however soon it is given back."""
        tier = await self._workspaces.limits(db, workspace_id, hold=True)
        await store.lock_numbers(db, workspace_id)
        if await store.count_held(db, workspace_id) >= tier.max_phone_numbers:
            raise Conflict(f"This workspace's tier allows {tier.max_phone_numbers} phone numbers.", code="number_limit")
        most = await self._platform.setting(db, "number_purchases_per_day")
        if await store.count_purchases(db, workspace_id, now - DAY) >= most:
            raise TooMany(
                f"No more than {most} phone numbers are bought within a day.", code="number_daily_limit",
                retry_after_s=int(DAY.total_seconds()),
            )  # fmt: skip

    async def _require_idle(self, db: Connection, number: Number, locked_agent: UUID | None) -> None:
        if number.agent_id is None:
            return
        if number.agent_id != locked_agent:
            raise Conflict("Another agent was given this number just now.", code="number_in_use")
        agent = await self._agents.get(db, number.workspace_id, number.agent_id)
        if agent.status == "live":
            raise Conflict("A live agent answers this number: pause it first.", code="number_in_use")

    async def _let_go(self, db: Connection, actor: Actor, number: Number, now: datetime) -> None:
        await store.update_releasing(db, number.workspace_id, number.id, now)
        await enqueue(db, RELEASE, payload_of(number.id))
        await _note_release(db, actor, number)


def payload_of(number_id: UUID) -> bytes:
    """Of both jobs; the same for the same number, so that it is found in the queue."""
    return json.dumps({"number_id": str(number_id)}).encode()


async def _note_release(db: Connection, actor: Actor, number: Number) -> None:
    before = {"phone_number": number.phone_number, "status": number.status}
    await record(
        db, actor, Change("number.release", "phone_number", str(number.id), number.workspace_id, before=before)
    )


def _new(workspace_id: UUID, wanted: Wanted, country: str | None, now: datetime) -> Number:
    return Number(
        id=UUID(new_id()),
        workspace_id=workspace_id,
        phone_number=wanted.phone_number,
        friendly_name=wanted.friendly_name,
        carrier=wanted.carrier,
        carrier_number_id=None,
        status="buying",
        status_detail=None,
        agent_id=None,
        agent_name=None,
        country=country,
        capabilities={},
        monthly_price=Decimal(0),
        created_at=now,
        updated_at=now,
        released_at=None,
    )


def _found(number: Number | None) -> Number:
    if number is None:
        raise Missing("There is no such phone number.", code="number_not_found")
    return number


def _held(number: Number | None) -> Number:
    """One that was given back is shown in lists, and is no more."""
    number = _found(number)
    if number.status == "released":
        raise Missing("This phone number was given back.", code="number_not_found")
    return number
