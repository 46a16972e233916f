"""Numbers of the platform's accounts, and bundles of workspaces, for the staff."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.platform.api import Api, running_api
from tests.platform.clients import Reply, Staff, User
from tests.platform.regulated_network import HOOKS, RegulatedNetwork, running_regulated_network

NUMBERS = "/admin/phone-numbers"
ELSEWHERE = {"VoiceUrl": "https://other.example.com/"}


@dataclass(frozen=True, slots=True)
class StaffSide:
    api: Api
    regulated: RegulatedNetwork
    admin: Staff
    ann: User
    workspace_id: str

    async def take(self, phone_number: str, key: str = "", **fields: Any) -> Reply:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"workspace_id": self.workspace_id, "phone_number": phone_number, **fields}
        return await self.admin.post(f"{NUMBERS}/import", body, headers=headers)


@pytest.fixture
async def staff(database_url: str, valkey_url: str) -> AsyncIterator[StaffSide]:
    async with AsyncExitStack() as stack:
        regulated = await stack.enter_async_context(running_regulated_network())
        api = await stack.enter_async_context(running_api(database_url, valkey_url, carriers=regulated.options))
        ann = await api.sign_up()
        yield StaffSide(api, regulated, await api.admin("support"), ann, await ann.workspace())


async def test_numbers_that_no_workspace_has_are_listed_and_imported(staff: StaffSide) -> None:
    own, admin = staff.regulated.own, await staff.api.admin("read_only")
    own("twilio", "+14155552001", VoiceUrl="https://demo.twilio.com/welcome/voice/")
    own("twilio", "+14155552002", **ELSEWHERE)
    own("telnyx", "+14155552003")

    async def listed(**query: str) -> list[tuple[str, str]]:
        body = (await admin.get(NUMBERS, params=query)).body
        assert body["has_more"] is False
        return [(number["phone_number"], number["target"]) for number in body["numbers"]]

    assert await listed() == [("+14155552001", "nowhere"), ("+14155552002", "elsewhere")]
    assert await listed(carrier="telnyx") == [("+14155552003", "nowhere")]
    assert await listed(digits="52002") == [("+14155552002", "elsewhere")]
    page = (await admin.get(NUMBERS, params={"limit": "1"})).body
    assert (len(page["numbers"]), page["has_more"]) == (1, True)
    taken = await staff.take("+14155552001", friendly_name="Front desk")
    assert taken.status == 201, taken.body
    assert await listed() == [("+14155552002", "elsewhere")]
    number_id = taken.body["phone_number"]["id"]
    path = f"/workspaces/{staff.workspace_id}/phone-numbers/{number_id}"
    shown = (await staff.ann.get(path)).body["phone_number"]
    assert (shown["status"], shown["friendly_name"], shown["carrier"]) == ("active", "Front desk", "twilio")
    assert staff.regulated.owned("+14155552001").settings["VoiceUrl"] == f"{HOOKS}/webhooks/calls/inbound"
    (entry,) = await staff.api.owner.fetch("SELECT actor, action FROM audit_log WHERE resource_id = $1", number_id)
    assert (entry["actor"], entry["action"]) == ("admin", "number.import")


async def test_refusals_of_an_import(staff: StaffSide) -> None:
    await staff.api.owner.execute("UPDATE tiers SET max_phone_numbers = 5")
    staff.regulated.own("twilio", "+14155552011", **ELSEWHERE)
    refused = await staff.take("+14155552011")
    assert (refused.status, refused.code, refused.param) == (409, "number_elsewhere", "take_over")
    assert staff.regulated.owned("+14155552011").settings["VoiceUrl"] == ELSEWHERE["VoiceUrl"]
    first = await staff.take("+14155552011", "once", take_over=True)
    again = await staff.take("+14155552011", "once", take_over=True)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert (await staff.take("+14155552011")).code == "number_taken"
    assert (await staff.take("+14155552012")).code == "number_not_owned"
    assert (await staff.take("+14155552012", carrier="telnyx")).code == "number_not_owned"
    staff.regulated.own("telnyx", "+14155552013")
    unpriced = await staff.take("+14155552013", carrier="telnyx")
    assert (unpriced.status, unpriced.code, unpriced.param) == (422, "price_required", "monthly_price")
    assert (await staff.take("+14155552013", carrier="telnyx", monthly_price=-1)).param == "monthly_price"
    priced = await staff.take("+14155552013", carrier="telnyx", monthly_price=1.05)
    assert (priced.status, priced.body["phone_number"]["monthly_price"]) == (201, 1.05)
    body = {"workspace_id": "01890a5d-ac96-774b-bcce-b302099a8057", "phone_number": "+14155552012"}
    assert (await staff.admin.post(f"{NUMBERS}/import", body)).code == "workspace_not_found"
    staff.regulated.twilio.fail_next.extend([503] * 3)
    assert (await staff.take("+14155552012")).code == "carrier_away"
    finance = await staff.api.admin("finance")
    assert (await finance.post(f"{NUMBERS}/import", body)).status == 403


async def test_refusals_of_a_bundle(staff: StaffSide) -> None:
    admin, path = staff.admin, f"/admin/workspaces/{staff.workspace_id}/regulatory-bundles"
    unknown = await admin.post(path, {"carrier_bundle_id": "BU" + "0" * 32})
    assert (unknown.status, unknown.code, unknown.param) == (422, "bundle_unknown", "carrier_bundle_id")
    assert (await admin.post(path, {"carrier_bundle_id": "../Accounts"})).param == "carrier_bundle_id"
    made = staff.regulated.twilio.regulation.add_bundle("GB", "mobile", "draft")
    assert (await admin.post(path, {"carrier_bundle_id": made.sid})).status == 201
    assert (await admin.post(path, {"carrier_bundle_id": made.sid})).code == "bundle_linked"
    listed = (await admin.get(path)).body
    assert (listed["total"], listed["bundles"][0]["carrier_bundle_id"]) == (1, made.sid)
    staff.regulated.twilio.fail_next.extend([503] * 3)
    assert (await admin.post(path, {"carrier_bundle_id": made.sid})).code == "carrier_away"
    nowhere = "/admin/workspaces/01890a5d-ac96-774b-bcce-b302099a8057/regulatory-bundles"
    assert (await admin.post(nowhere, {"carrier_bundle_id": made.sid})).code == "workspace_not_found"
