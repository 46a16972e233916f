"""Phone numbers: members search, order and release numbers; staff import numbers from the platform's carrier accounts.

Jobs buy and release the numbers (`control/numbers/tasks.py`). Each number counts against the tier of its workspace.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog

from control.addresses.service import hold_addresses
from control.agents.service import Agents
from control.audit.service import Actor, Change, record_change
from control.billing.payments.service import Payments
from control.carriers.rules import (
    AvailableNumber,
    Carrier,
    CarrierRefused,
    CarrierUnavailable,
    OwnedNumber,
    country_of,
    number_kind,
)
from control.carriers.service import NumberPricing
from control.db.jobs import enqueue, is_queued
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.db.scope import enter_platform, read_platform
from control.numbers import queries
from control.numbers.rules import (
    HolderChoice,
    NumberImport,
    NumberOrder,
    PhoneNumber,
    TakenNumber,
    WantedNumber,
    choose_holder,
)
from control.platform.service import Platform
from control.regulatory_bundles.service import hold_bundles
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound, TooManyRequests, Unavailable
from shared.ids import new_id

log = structlog.get_logger()
BUY: Final = "numbers.buy"
RELEASE: Final = "numbers.release"
# A purchase or release without progress for this long has lost its job.
STUCK: Final = timedelta(minutes=5)
DAY: Final = timedelta(days=1)
# Period over which a trial's purchases are counted. A carrier charges at least a month for each number.
MONTH: Final = timedelta(days=30)
_SYSTEM: Final = Actor("system")


class Numbers:
    """Manages phone numbers within the current transaction.

    The methods before `load` need the workspace's scope; `load` and later methods need the platform's scope.
    """

    def __init__(self, *, workspaces: Workspaces, agents: Agents, platform: Platform, payments: Payments) -> None:
        self._workspaces, self._agents, self._platform, self._payments = workspaces, agents, platform, payments
        self.search = NumberSearch()

    async def list_page(
        self, db: Connection, workspace_id: UUID, *, status: str | None, page: PageRequest
    ) -> ListPage[PhoneNumber]:
        """Return a page of numbers, newest first. Raises Invalid (code cursor_unknown).

        Released numbers are listed only if `status` selects them.
        """
        found = await queries.select_numbers(db, workspace_id, status, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_numbers(db, workspace_id, status))

    async def get(self, db: Connection, workspace_id: UUID, number_id: UUID) -> PhoneNumber:
        """Return a number of the workspace. Raises NotFound."""
        return _require_number(await queries.select_number(db, workspace_id, number_id))

    async def buy(
        self, db: Connection, workspace_id: UUID, actor: Actor, wanted: NumberOrder, now: datetime
    ) -> PhoneNumber:
        """Insert a number with status buying; a job completes the purchase.

        Raises Invalid (code phone_number_invalid and the codes of `choose_holder`), Conflict (codes number_taken,
        number_limit, trial_number_limit, workspace_suspended, owner_unverified, payment_method_required,
        address_pending) and TooManyRequests (code number_daily_limit).
        """
        country = country_of(wanted.phone_number)
        await self._workspaces.require_running(db, workspace_id)
        await self._require_payment_method(db, workspace_id)
        await self._require_capacity(db, workspace_id)
        await self._require_purchases_left(db, workspace_id, now)
        holder = await self._choose_holder(db, workspace_id, wanted, country, now)
        number = replace(
            _new(workspace_id, wanted, country, now), address_id=holder.address_id, bundle_id=holder.bundle_id
        )
        if not await queries.insert_number(db, number):
            raise _taken()
        await enqueue(db, BUY, make_payload(number.id))
        after = {"phone_number": number.phone_number, "carrier": number.carrier}
        await record_change(db, actor, Change("number.buy", "phone_number", str(number.id), workspace_id, after=after))
        return number

    async def check_import(self, db: Connection, workspace_id: UUID, phone_number: str) -> None:
        """Check whether a workspace may import a number, before the carrier is queried. Needs platform scope.

        Raises NotFound, Invalid (code phone_number_invalid) and Conflict (codes number_taken, number_limit).
        """
        country_of(phone_number)
        await self._workspaces.get(db, workspace_id)
        if await queries.select_held_among(db, [phone_number]):
            raise _taken()
        await self._require_capacity(db, workspace_id)

    async def import_number(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        wanted: NumberImport,
        taken: TakenNumber,
        now: datetime,
    ) -> PhoneNumber:
        """Insert a number that was configured at its carrier, with status active.

        Raises the errors of `check_import`.
        """
        await self.check_import(db, workspace_id, wanted.phone_number)
        order = NumberOrder(wanted.phone_number, wanted.friendly_name, wanted.carrier)
        number = replace(
            _new(workspace_id, order, country_of(wanted.phone_number), now),
            id=taken.number_id,
            carrier_number_id=taken.owned.carrier_number_id,
            status="active",
            capabilities=taken.owned.capabilities,
            monthly_price=taken.monthly_price,
        )
        if not await queries.insert_imported(db, number):
            raise _taken()
        after = {
            "phone_number": number.phone_number,
            "carrier": number.carrier,
            "took_over": taken.owned.target == "elsewhere",
        }
        change = Change("number.import", "phone_number", str(number.id), workspace_id, after=after)
        await record_change(db, actor, change)
        return number

    async def find_held(self, db: Connection, numbers: Sequence[str]) -> set[str]:
        """Return which of a search's numbers a workspace already has. Enters the platform's scope.

        The search result may be older than a purchase, and two carriers may offer one number.
        """
        await enter_platform(db)
        return await queries.select_held_among(db, numbers)

    async def rename(
        self, db: Connection, workspace_id: UUID, actor: Actor, number_id: UUID, friendly_name: str, now: datetime
    ) -> PhoneNumber:
        """Change the workspace's name for a number. Raises NotFound."""
        before = _require_held(await queries.lock_number(db, workspace_id, number_id))
        if before.friendly_name == friendly_name:
            return before
        await queries.update_name(db, workspace_id, number_id, friendly_name, now)
        change = Change(
            "number.rename",
            "phone_number",
            str(number_id),
            workspace_id,
            before={"friendly_name": before.friendly_name},
            after={"friendly_name": friendly_name},
        )
        await record_change(db, actor, change)
        return await self.get(db, workspace_id, number_id)

    async def release(self, db: Connection, workspace_id: UUID, actor: Actor, number_id: UUID, now: datetime) -> None:
        """Take a number from its agent and enqueue its release.

        A number whose purchase failed is released immediately. A stuck purchase can be given up.

        Raises NotFound and Conflict (codes number_in_use, number_buying).
        """
        agent_id = (await self.get(db, workspace_id, number_id)).agent_id
        if agent_id is not None:
            await queries.lock_agent(db, workspace_id, agent_id)
        number = _require_held(await queries.lock_number(db, workspace_id, number_id))
        if number.status == "releasing":
            return
        if number.status == "failed":
            await queries.update_released(db, workspace_id, number_id, now)
            await _audit_release(db, actor, number)
            return
        if number.status == "buying" and now - number.created_at < STUCK:
            raise Conflict("This number is still being bought.", code="number_buying")
        await self._require_idle(db, number, agent_id)
        await self._start_release(db, actor, number, now)

    async def release_all(self, db: Connection, workspace_id: UUID, now: datetime) -> int:
        """Enqueue the release of all numbers of a workspace, and return how many there are.

        This includes numbers that are being bought or have an agent. Works in the workspace's scope or the platform's
        scope.
        """
        numbers = [
            _require_number(await queries.select_number(db, workspace_id, number_id))
            for number_id in await queries.lock_held_ids(db, workspace_id)
        ]
        for number in numbers:
            await self._start_release(db, _SYSTEM, number, now)
        return len(numbers)

    async def release_trial(self, db: Connection, workspace_id: UUID, now: datetime) -> int:
        """Release the numbers of a workspace that is deleted while on trial. Raises NotFound.

        A deleted trial keeps no numbers during the grace period.
        """
        workspace = await self._workspaces.get(db, workspace_id)
        return await self.release_all(db, workspace_id, now) if workspace.was_on_trial else 0

    async def release_expired(self, db: Connection, now: datetime, most: int) -> int:
        """Call `release_all` for up to `most` deleted workspaces that are past their grace period or were on trial.

        Workspaces past their grace period can be purged afterwards.
        """
        return sum(
            [
                await self.release_all(db, workspace_id, now)
                for workspace_id in await queries.select_doomed_workspaces(db, now, most)
            ]
        )

    async def requeue_stuck(self, db: Connection, now: datetime, most: int) -> int:
        """Enqueue the jobs of up to `most` numbers that are stuck in buying or releasing.

        Return how many were checked.
        """
        stuck = await queries.lock_stuck(db, now - STUCK, most)
        for number_id, status in stuck:
            job, payload = BUY if status == "buying" else RELEASE, make_payload(number_id)
            if not await is_queued(db, job, payload):
                await enqueue(db, job, payload)
        await queries.touch(db, [number_id for number_id, _ in stuck], now)
        return len(stuck)

    async def load(self, db: Connection, number_id: UUID) -> PhoneNumber | None:
        """Return the number of a job, or None if it was deleted with its workspace."""
        workspace_id = await queries.select_workspace_of(db, number_id)
        return None if workspace_id is None else await queries.select_number(db, workspace_id, number_id)

    async def max_price(self, db: Connection) -> int:
        """Return the highest monthly price, in US dollars, that the platform pays for a number."""
        return int(await self._platform.setting(db, "number_highest_monthly_price"))

    async def _require_payment_method(self, db: Connection, workspace_id: UUID) -> None:
        """Require a payment method, except on trial, where nothing is billed."""
        if (await self._workspaces.get(db, workspace_id)).status != "trial":
            await self._payments.require_payment_method(db, workspace_id)

    async def _require_capacity(self, db: Connection, workspace_id: UUID) -> None:
        """Check that the workspace's tier allows another number. A number that is being released still counts.

        Locks the tier before the numbers, as all code does: otherwise a concurrent change of tier could deadlock.
        """
        tier = await self._workspaces.limits(db, workspace_id, hold=True)
        await queries.lock_numbers(db, workspace_id)
        if await queries.count_held(db, workspace_id) >= tier.max_phone_numbers:
            raise Conflict(f"This workspace's tier allows {tier.max_phone_numbers} phone numbers.", code="number_limit")

    async def _require_purchases_left(self, db: Connection, workspace_id: UUID, now: datetime) -> None:
        """Check the limit of purchases per person.

        Each purchase costs a month's price, even if the number is released or the workspace is deleted right away.
        """
        of_person = await self._workspaces.lock_person(db, workspace_id)
        most = await self._platform.setting(db, "number_purchases_per_day")
        if await self._count_purchases(db, of_person, now - DAY) >= most:
            raise TooManyRequests(
                f"One person can buy at most {most} phone numbers within a day.",
                code="number_daily_limit",
                retry_after_s=int(DAY.total_seconds()),
            )
        if (await self._workspaces.get(db, workspace_id)).status != "trial":
            return
        most = await self._platform.setting(db, "trial_number_purchases")
        if await self._count_purchases(db, of_person, now - MONTH, trials=True) >= most:
            raise Conflict(f"On trial, one person can buy at most {most} phone numbers.", code="trial_number_limit")

    async def _count_purchases(
        self, db: Connection, workspace_ids: Sequence[UUID], since: datetime, *, trials: bool = False
    ) -> int:
        return await read_platform(db, lambda: queries.count_purchases(db, workspace_ids, since, trials=trials))

    async def _choose_holder(
        self, db: Connection, workspace_id: UUID, wanted: NumberOrder, country: str | None, now: datetime
    ) -> HolderChoice:
        """Choose the address and bundle, and lock all candidates until the number is inserted."""
        addresses = await hold_addresses(db, workspace_id)
        bundles = await hold_bundles(db, workspace_id)
        number = WantedNumber(wanted, country, number_kind(wanted.phone_number), now)
        return choose_holder(number, addresses, bundles)

    async def _require_idle(self, db: Connection, number: PhoneNumber, locked_agent: UUID | None) -> None:
        if number.agent_id is None:
            return
        if number.agent_id != locked_agent:
            raise Conflict("Another agent has just been assigned this number.", code="number_in_use")
        agent = await self._agents.get(db, number.workspace_id, number.agent_id)
        if agent.status == "live":
            raise Conflict("A live agent answers this number. Pause the agent first.", code="number_in_use")

    async def _start_release(self, db: Connection, actor: Actor, number: PhoneNumber, now: datetime) -> None:
        await queries.update_releasing(db, number.workspace_id, number.id, now)
        await enqueue(db, RELEASE, make_payload(number.id))
        await _audit_release(db, actor, number)


def make_payload(number_id: UUID) -> bytes:
    """Return the payload of a number's jobs.

    Equal numbers have equal payloads, so that the job is found in the queue.
    """
    return json.dumps({"number_id": str(number_id)}).encode()


async def _audit_release(db: Connection, actor: Actor, number: PhoneNumber) -> None:
    before = {"phone_number": number.phone_number, "status": number.status}
    await record_change(
        db, actor, Change("number.release", "phone_number", str(number.id), number.workspace_id, before=before)
    )


def _new(workspace_id: UUID, wanted: NumberOrder, country: str | None, now: datetime) -> PhoneNumber:
    return PhoneNumber(
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


def _taken() -> Conflict:
    return Conflict("This number is taken.", code="number_taken", param="phone_number")


def _require_number(number: PhoneNumber | None) -> PhoneNumber:
    if number is None:
        raise NotFound("This phone number does not exist.", code="number_not_found")
    return number


def _require_held(number: PhoneNumber | None) -> PhoneNumber:
    """Return a number that the workspace holds. Raises NotFound for released numbers, too, which only lists show."""
    number = _require_number(number)
    if number.status == "released":
        raise NotFound("This phone number was released.", code="number_not_found")
    return number


class NumberAssignment:
    """Assigns numbers to agents. Implements `NumberAssigner` of control/agents/service.py."""

    async def assign(self, db: Connection, workspace_id: UUID, number_id: UUID, agent_id: UUID) -> None:
        """Assign a number, whose row must be locked, to an agent."""
        await queries.assign_agent(db, workspace_id, number_id, agent_id)

    async def unassign(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
        """Take the number from an agent, if the agent has a number."""
        await queries.unassign_agent(db, workspace_id, agent_id)


# -- The search of numbers that can be bought --

# How long search results are cached, in seconds. Available numbers change quickly.
_HOLDS_S: Final = 5.0
# Maximum concurrent requests to carriers; further searches are refused.
_AT_ONCE: Final = 4
_LARGEST: Final = 50
_Key = tuple[str, str, str]


class NumberSearch:
    """Searches for numbers that can be bought. Equal concurrent searches share one request to the carrier.

    Results are cached for `holds_s` seconds; failures are not cached.
    """

    def __init__(self, *, holds_s: float = _HOLDS_S, at_once: int = _AT_ONCE) -> None:
        self._holds_s, self._at_once = holds_s, at_once
        self._answers: dict[_Key, tuple[float, list[AvailableNumber]]] = {}
        self._searches: dict[_Key, asyncio.Task[list[AvailableNumber]]] = {}

    async def find_available(self, carrier: Carrier, country: str, area_code: str) -> list[AvailableNumber]:
        """Return up to 50 numbers that the carrier offers for sale.

        Raises Unavailable (codes carrier_away, carrier_refused, market_busy).

        Args:
            country: ISO 3166 code.
            area_code: Digits; empty for any area.
        """
        key = (carrier.name, country, area_code)
        found = self._fresh(key)
        if found is None:
            found = await self._ask(carrier, key)
        return found

    def _fresh(self, key: _Key) -> list[AvailableNumber] | None:
        now = asyncio.get_running_loop().time()
        # The dictionary is ordered by the time of the results, oldest first.
        while self._answers and next(iter(self._answers.values()))[0] + self._holds_s <= now:
            del self._answers[next(iter(self._answers))]
        answer = self._answers.get(key)
        return None if answer is None else answer[1]

    async def _ask(self, carrier: Carrier, key: _Key) -> list[AvailableNumber]:
        task = self._searches.get(key)
        if task is None:
            if len(self._searches) >= self._at_once:
                raise Unavailable("Too many searches are running at the moment. Try again.", code="market_busy")
            task = self._searches[key] = asyncio.create_task(self._search(carrier, key))
        try:
            # A caller that stops waiting must not cancel the search for the other callers.
            return await asyncio.shield(task)
        except CarrierUnavailable:
            raise Unavailable("The phone carrier is unavailable. Try again in a moment.", code="carrier_away") from None
        except CarrierRefused:
            raise Unavailable("The phone carrier refused the search.", code="carrier_refused") from None

    async def _search(self, carrier: Carrier, key: _Key) -> list[AvailableNumber]:
        try:
            found = await carrier.search(key[1], key[2], _LARGEST)
        finally:
            del self._searches[key]
        self._answers.pop(key, None)
        self._answers[key] = (asyncio.get_running_loop().time(), found)
        return found


# -- Numbers of the platform's accounts at carriers --

# Maximum number of an account's numbers that one request reads.
MOST_LISTED: Final = 1_000


async def find_account_numbers(carrier: Carrier, digits: str) -> list[OwnedNumber]:
    """Return up to MOST_LISTED numbers of the account that contain these digits.

    Raises Unavailable (codes carrier_away, carrier_refused).
    """
    try:
        return list(await carrier.list_numbers(digits, MOST_LISTED))
    except CarrierUnavailable:
        raise _away() from None
    except CarrierRefused:
        raise _refused() from None


async def take_number(carrier: Carrier, wanted: NumberImport, number_id: UUID) -> TakenNumber:
    """Configure a number at its carrier so that its calls come to this platform.

    Raises Invalid (codes number_not_owned, price_required), Conflict (codes number_elsewhere, number_pending) and
    Unavailable (codes carrier_away, carrier_refused).

    Args:
        number_id: Our id of the number. The call can be repeated: a number that already routes to us is accepted.
    """
    try:
        owned = await carrier.find_owned(wanted.phone_number)
        if owned is None:
            raise Invalid(
                f"The platform's account at {carrier.name} does not have this number.",
                code="number_not_owned",
                param="phone_number",
            )
        _require_free(owned, wanted)
        # Read the price before configuring the number, so that a failed import leaves the routing unchanged.
        price = await _require_price(carrier, wanted)
        await carrier.configure(replace(owned, reference=str(number_id)))
    except CarrierUnavailable:
        raise _away() from None
    except CarrierRefused:
        raise _refused() from None
    if owned.target == "elsewhere":
        log.warning("number.taken_over", carrier=carrier.name, phone_number_id=str(number_id))
    return TakenNumber(number_id, owned, price)


def _require_free(owned: OwnedNumber, wanted: NumberImport) -> None:
    if owned.pending:
        raise Conflict(f"The number takes no calls yet. {owned.pending}", code="number_pending", param="phone_number")
    if owned.target == "elsewhere" and not wanted.take_over:
        raise Conflict(
            "The number's calls or messages go elsewhere. Set take_over to route its calls to this platform.",
            code="number_elsewhere",
            param="take_over",
        )


async def _require_price(carrier: Carrier, wanted: NumberImport) -> Decimal:
    """Return the monthly price of an import in US dollars.

    Some carriers report no price for numbers that are no longer for sale. The staff must then state the price: at 0,
    the workspace would never pay for the number.
    """
    if wanted.monthly_price is not None:
        return wanted.monthly_price
    country, price = country_of(wanted.phone_number), None
    if country is not None and isinstance(carrier, NumberPricing):
        price = await carrier.monthly_price(wanted.phone_number, country)
    if price is None:
        raise Invalid(
            f"{carrier.name} does not report what this number costs. State its monthly price in US dollars.",
            code="price_required",
            param="monthly_price",
        )
    return price


def _away() -> Unavailable:
    return Unavailable("The phone carrier is unavailable. Try again in a moment.", code="carrier_away")


def _refused() -> Unavailable:
    return Unavailable("The phone carrier refused the request.", code="carrier_refused")
