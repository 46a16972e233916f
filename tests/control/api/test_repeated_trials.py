"""Making a workspace, buying a foreign number, placing test calls abroad, deleting the workspace, and beginning again:
each round had fresh limits, three took 20 s, and the numbers stayed at the carrier for 30 days. Here the whole of
control runs: API, worker with its jobs, and both carriers' simulated network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from control.calls.verified_numbers.service import PURPOSE
from control.db.logins import WORKER, with_login
from control.db.pool import Pool, open_pool
from control.outside import OutsideOptions
from control.services import Policies
from control.worker import BackgroundWorkerOptions, open_worker
from control.worker_runtime import BackgroundWorker
from shared.key_sets import KeySets
from shared.secrets import Sealer
from tests.control.api.call_workspace import STAND_INS
from tests.platform.api import Api, running_api
from tests.platform.bus_node import wait_until
from tests.platform.clients import Reply, User
from tests.platform.regulated_network import RegulatedNetwork, running_regulated_network
from tests.platform.services import CHEAP_HASHING, KEY

OWN_PHONE, ABROAD, STRANGER = "+447700900123", "+12125550123", "+447700900999"


@dataclass(slots=True)
class Attack:
    """What the attacker does; bought: numbers that the carrier gave us for it."""

    api: Api
    outside: RegulatedNetwork
    worker: BackgroundWorker
    pool: Pool
    bought: list[str] = field(default_factory=list)

    def at_carrier(self) -> set[str]:
        """Those of its numbers that the carrier has in our account now."""
        inventory = self.outside.network.phone_network.inventory
        return {number for number in self.bought if inventory.get(number) is not None}

    async def buy(self, user: User, workspace_id: str) -> str:
        """Returns the number, which is active, or the code of the refusal."""
        free = await self.outside.carriers.get("twilio").search("GB", "161", 20)
        number = next(one.phone_number for one in free if one.phone_number not in self.bought)
        reply = await user.post(f"/workspaces/{workspace_id}/phone-numbers", {"phone_number": number})
        if reply.status != 201:
            return reply.code

        async def is_active() -> bool:
            status = "SELECT status FROM phone_numbers WHERE phone_number = $1"
            return bool(await self.api.owner.fetchval(status, number) == "active")

        await wait_until(is_active)
        self.bought.append(number)
        return number

    async def place_tests(self, user: User, workspace_id: str, *numbers: str) -> list[str]:
        """Places a test call to each number; returns "placed" or the code of the refusal."""
        path = f"/workspaces/{workspace_id}/agents"
        agents = (await user.get(path)).body["agents"]
        if not agents:
            draft = {"name": "Desk", "config": {"greeting": "Hello.", "speech": STAND_INS}}
            agents = [(await user.post(path, draft)).body["agent"]]
        agent = agents[0]["id"]
        replies: list[Reply] = [
            await user.post(f"{path}/{agent}/test", {"phone_number_to_call": number}) for number in numbers
        ]
        return ["placed" if reply.status == 201 else reply.code for reply in replies]

    async def verify_phone(self, user: User, workspace_id: str) -> str:
        """Returns the id of the verified number. The code is read where the call would speak it."""
        path = f"/workspaces/{workspace_id}/verified-numbers"
        requested = await user.post(f"{path}/codes", {"phone_number": OWN_PHONE})
        assert requested.status == 201, requested.body
        code_id = requested.body["phone_code"]["id"]
        sealed = await self.api.owner.fetchval("SELECT code FROM phone_codes WHERE id = $1", UUID(code_id))
        digits = Sealer([KEY]).open(sealed, PURPOSE).decode()
        confirmed = await user.post(f"{path}/codes/{code_id}/confirm", {"code": digits})
        verified: str = confirmed.body["verified_number"]["id"]
        return verified

    async def called_phones(self) -> set[str]:
        """Which phones the carriers called for us, once no call waits to be dialed."""

        async def is_idle() -> bool:
            return not await self.api.owner.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'calls.place'")

        await wait_until(is_idle)
        return {call.called for call in self.outside.twilio.calls.calls.values()}

    async def change_settings(self, **values: int) -> None:
        changes = [{"key": key, "value": value} for key, value in values.items()]
        assert (await (await self.api.admin()).put("/admin/config/settings", {"settings": changes})).status == 200


@pytest.fixture
async def attack(fresh_database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[Attack]:
    """With the shipped settings, but for two numbers, which are small here. A call with a code is a test call, too."""
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(running_regulated_network())
        api = await stack.enter_async_context(running_api(fresh_database_url, valkey_url, carriers=network.options))
        outside = OutsideOptions(valkey_url, tmp_path.as_uri(), network.options)
        policies = Policies(links="https://app.example.com", hashing=CHEAP_HASHING)
        options = BackgroundWorkerOptions(
            with_login(fresh_database_url, WORKER),
            KeySets.all_from([KEY]),
            policies,
            tmp_path.as_uri(),
            "Vocalized <no-reply@example.com>",
            outside,
        )
        worker = await stack.enter_async_context(open_worker(options))
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        pool = await stack.enter_async_context(open_pool(fresh_database_url, size=1))
        attack = Attack(api, network, worker, pool)
        await attack.change_settings(
            trial_calls_verified_only=True, trial_number_purchases=3, trial_test_calls_per_day=6
        )
        yield attack
        stop.set()
        await running


async def test_three_rounds_of_making_using_and_deleting_gain_nothing(attack: Attack) -> None:
    api, trials = attack.api, []
    mallory = await api.sign_up("mallory@example.org")
    accounts = [mallory, mallory, await api.sign_up("mallory+2@example.org"), await api.sign_up("other@example.net")]
    refusals = []
    for turn, user in enumerate(accounts):
        workspace = await user.workspace()
        number = await attack.buy(user, workspace)
        refusals.append(await attack.place_tests(user, workspace, ABROAD, STRANGER))
        verified = await attack.verify_phone(user, workspace)
        refusals.append(await attack.place_tests(user, workspace, OWN_PHONE))
        assert await attack.called_phones() == {OWN_PHONE}, "before the workspace is deleted, and its calls with it"
        # Another mailbox does not help once the same phone is verified, even if it was given up before.
        trials.append(await api.owner.fetchval("SELECT trial_ends_at FROM workspaces WHERE id = $1", UUID(workspace)))
        assert attack.at_carrier() == {number}
        assert (await user.delete(f"/workspaces/{workspace}/verified-numbers/{verified}")).status == 204
        assert (await user.delete(f"/workspaces/{workspace}")).status == 204
        await wait_until(lambda: _has_none(attack))
        if turn == 2:
            await attack.change_settings(phone_codes_per_number=9, phone_codes_per_day=9)
    assert refusals == [
        ["country_not_allowed", "number_unverified"], ["placed"],
        ["country_not_allowed", "number_unverified"], ["placed"],
        ["country_not_allowed", "number_unverified"], ["placed"],
        ["country_not_allowed", "number_unverified"], ["trial_test_limit"],
    ]  # fmt: skip
    assert len(set(trials[:3])) == 1, "one trial"
    assert await attack.called_phones() == {OWN_PHONE}
    await _expect_no_number(attack, mallory)


async def test_what_is_within_the_limits_stops_at_the_platforms_own_and_is_told(attack: Attack) -> None:
    user = await attack.api.sign_up("mallory@example.org")
    workspace = await user.workspace()
    await attack.buy(user, workspace)
    await attack.verify_phone(user, workspace)
    await attack.change_settings(alarm_test_calls_per_hour=2, platform_calls_per_day=2)
    assert await attack.place_tests(user, workspace, OWN_PHONE) == ["placed"]
    (duty,) = (one for one in attack.worker.tasks.duties if one.name == "spend_alarms")
    assert await duty.run_once(attack.pool, datetime.now(UTC)) == 2
    assert await attack.place_tests(user, workspace, OWN_PHONE) == ["platform_limit"]
    kinds = await attack.api.owner.fetch("SELECT kind FROM spend_alarms ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["platform_limit", "test_calls"]


async def _has_none(attack: Attack) -> bool:
    return not attack.at_carrier()


async def _expect_no_number(attack: Attack, user: User) -> None:
    """Three numbers were bought for trials of this person within a month; a fourth is not."""
    assert await attack.buy(user, await user.workspace()) == "trial_number_limit"
