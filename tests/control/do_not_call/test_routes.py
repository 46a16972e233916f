"""The do-not-call list in the API."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from control.do_not_call import service
from control.do_not_call.routes import MOST_ROWS
from control.do_not_call.rules import LONGEST_NOTE
from tests.control.api.call_workspace import CALLEE, CallWorkspace, make_call_workspace
from tests.platform.api import running_api

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[CallWorkspace]:
    async with running_api(database_url, valkey_url) as api:
        yield await make_call_workspace(api, tier="business")


async def test_numbers_are_added_listed_refused_and_removed(workspace: CallWorkspace) -> None:
    path, ann = f"{workspace.path}/do-not-call-numbers", workspace.ann
    rows = [
        {"number": "+1 (212) 555-0123", "note": "By letter"},
        {"number": "12125550124"},
        {"number": "+12125550125", "note": "x" * (LONGEST_NOTE + 1)},
        {"number": CALLEE},
        {"number": "+12125550126"},
    ]
    added = await ann.post(path, {"numbers": rows})
    assert (added.status, added.body) == (
        200,
        {
            "added": 2,
            "already_listed": 1,
            "errors": [
                {"row": 2, "code": "number_invalid", "message": "number must be in E.164, like +14155550100"},
                {"row": 3, "code": "too_long", "message": "note is longer than 200 characters"},
            ],
        },
    )
    page = (await ann.get(f"{path}?limit=1")).body
    assert (page["total"], len(page["do_not_call_numbers"]), page["has_more"]) == (2, 1, True)
    found = (await ann.get(path, params={"number": CALLEE, "source": "member"})).body["do_not_call_numbers"]
    assert [(one["number"], one["note"], one["call_id"]) for one in found] == [(CALLEE, "By letter", None)]
    assert found[0]["added_by"] is not None
    assert (await ann.get(path, params={"source": "caller_words"})).body["total"] == 0
    call = {"agent_id": workspace.agent_id, "phone_number_to_call": CALLEE}
    refused = await ann.post(f"{workspace.calls_path}/outbound", call)
    assert (refused.status, refused.code, refused.param) == (
        422, "number_on_do_not_call_list", "phone_number_to_call",
    )  # fmt: skip
    assert (await ann.delete(f"{path}/{found[0]['id']}")).param == "reason"
    assert (await ann.delete(f"{path}/{found[0]['id']}?reason=Asked%20for%20it")).status == 204
    again = await ann.delete(f"{path}/{found[0]['id']}?reason=Asked%20for%20it")
    assert (again.status, again.code) == (404, "do_not_call_number_not_found")
    logged = await workspace.api.owner.fetchval(
        "SELECT details FROM audit_log WHERE action = 'do_not_call.remove' AND resource_id = $1", found[0]["id"]
    )
    assert logged == {"before": {"number": "+121***23"}, "reason": "Asked for it"}


async def test_a_file_is_imported_row_by_row(workspace: CallWorkspace) -> None:
    path = f"{workspace.path}/do-not-call-numbers"
    content = '\ufeffname,Number,note\r\nAnn,+12125550131,"two\nlines"\r\n\r\nBob,212,\r\nEve,+12125550132\r\n'
    added = await workspace.ann.post(f"{path}/import", data=content.encode())
    assert (added.status, added.body["added"], [error["row"] for error in added.body["errors"]]) == (200, 2, [5])
    listed = (await workspace.ann.get(path, params={"source": "import"})).body["do_not_call_numbers"]
    assert {(one["number"], one["source"], one["note"]) for one in listed} == {
        ("+12125550131", "import", "two lines"),
        ("+12125550132", "import", ""),
    }
    broken = await workspace.ann.post(f"{path}/import", data=b"\xff\xfe1")
    assert (broken.status, broken.code, broken.param) == (422, "file_unreadable", "upload")


async def test_the_list_and_a_request_are_bounded(workspace: CallWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{workspace.path}/do-not-call-numbers"
    reply = await workspace.ann.post(path, {"numbers": [{"number": CALLEE}] * (MOST_ROWS + 1)})
    assert (reply.status, reply.param) == (422, "numbers")
    listed = (await workspace.ann.get(path)).body["total"]
    monkeypatch.setattr(service, "MOST_LISTED", listed + 2)
    rows = [{"number": f"+1212555014{number}"} for number in range(3)]
    assert (await workspace.ann.post(path, {"numbers": rows[:2]})).status == 200
    reply = await workspace.ann.post(path, {"numbers": rows[2:]})
    assert (reply.status, reply.code) == (409, "do_not_call_limit")
