"""What one person can spend without paying: by workspaces that are made, used and deleted, and by phones abroad."""

from uuid import UUID

from control.calls.verified_numbers.service import PURPOSE
from control.carriers.service import CarrierOptions
from shared.secrets import Sealer
from tests.control.api.call_workspace import STAND_INS
from tests.platform.api import Api, running_api
from tests.platform.clients import Reply, User
from tests.platform.services import KEY
from tests.platform.telnyx_api import API_KEY

BRITISH, OTHERS_PHONE, PHONE = "+442071838750", "+442079460123", "+447700900123"


async def change_settings(api: Api, **values: int | bool) -> None:
    changes = [{"key": key, "value": value} for key, value in values.items()]
    reply = await (await api.admin()).put("/admin/config/settings", {"settings": changes})
    assert reply.status == 200, reply.body


class Round:
    """One turn of the attack: a workspace, a number, an agent."""

    def __init__(self, api: Api, user: User, workspace_id: str) -> None:
        self.api, self.user, self.path = api, user, f"/workspaces/{workspace_id}"
        self.workspace_id = UUID(workspace_id)

    async def buy(self) -> Reply:
        bought = await self.user.post(f"{self.path}/phone-numbers", {"phone_number": BRITISH, "carrier": "telnyx"})
        if bought.status == 201:  # as the worker does
            await self.api.owner.execute(
                "UPDATE phone_numbers SET status = 'active', carrier_number_id = 'N1' WHERE id = $1",
                UUID(bought.body["phone_number"]["id"]),
            )
        return bought

    async def place_test(self, number: str) -> Reply:
        draft = {"name": f"Desk {number}", "config": {"greeting": "Hello.", "speech": STAND_INS}}
        agent = await self.user.post(f"{self.path}/agents", draft)
        assert agent.status == 201, agent.body
        return await self.user.post(
            f"{self.path}/agents/{agent.body['agent']['id']}/test", {"phone_number_to_call": number}
        )

    async def delete(self) -> list[str]:
        """Returns the status of its numbers afterwards, and of the jobs that release them."""
        assert (await self.user.delete(self.path)).status == 204
        rows = await self.api.owner.fetch("SELECT status FROM phone_numbers WHERE workspace_id = $1", self.workspace_id)
        return [row["status"] for row in rows]


async def test_test_calls_are_counted_per_person_also_after_their_workspace_was_deleted(
    database_url: str, valkey_url: str
) -> None:
    carriers = CarrierOptions("http://127.0.0.1", telnyx_api_key=API_KEY, telnyx_connection_id="1")
    async with running_api(database_url, valkey_url, carriers=carriers) as api:
        await change_settings(api, trial_calls_verified_only=False, trial_test_calls_per_day=1)
        user = await api.sign_up()
        answers = []
        for _ in range(2):
            made = Round(api, user, await user.workspace())
            assert (await made.buy()).status == 201
            reply = await made.place_test(OTHERS_PHONE)
            answers.append(reply.status if reply.status == 201 else reply.code)
            await made.delete()
            await api.owner.execute("UPDATE phone_numbers SET status = 'released'")
        assert answers == [201, "trial_test_limit"]


async def test_a_member_verifies_a_phone_and_the_trial_calls_it(database_url: str, valkey_url: str) -> None:
    carriers = CarrierOptions("http://127.0.0.1", telnyx_api_key=API_KEY, telnyx_connection_id="1")
    async with running_api(database_url, valkey_url, carriers=carriers) as api:
        await change_settings(api, trial_calls_verified_only=True, trial_test_calls_per_day=20)
        ann = await api.sign_up()
        made = Round(api, ann, await ann.workspace())
        path = f"{made.path}/verified-numbers"
        assert (await ann.post(f"{path}/codes", {"phone_number": PHONE})).code == "no_number"
        assert (await made.buy()).status == 201
        requested = await ann.post(f"{path}/codes", {"phone_number": PHONE, "language": "en-GB"})
        assert requested.status == 201, requested.body
        code = requested.body["phone_code"]
        assert set(code) == {"id", "phone_number", "call_id", "expires_at"}
        sealed = await api.owner.fetchval("SELECT code FROM phone_codes WHERE id = $1", UUID(code["id"]))
        digits = Sealer([KEY]).open(sealed, PURPOSE).decode()
        confirm = f"{path}/codes/{code['id']}/confirm"
        wrong = await ann.post(confirm, {"code": f"{(int(digits) + 1) % 1_000_000:06}"})
        assert (wrong.status, wrong.code, wrong.param) == (422, "phone_code_wrong", "code")
        assert await api.owner.fetchval("SELECT failures FROM phone_codes WHERE id = $1", UUID(code["id"])) == 1
        confirmed = await ann.post(confirm, {"code": digits})
        assert confirmed.status == 200, confirmed.body
        verified = confirmed.body["verified_number"]
        assert (verified["phone_number"], verified["user_id"]) == (PHONE, ann.id)
        assert (await ann.get(path)).body == {"verified_numbers": [verified]}
        assert (await made.place_test(PHONE)).status == 201
        assert (await ann.delete(f"{path}/{verified['id']}")).status == 204
        assert (await ann.delete(f"{path}/{verified['id']}")).code == "verified_number_not_found"
