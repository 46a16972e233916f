"""Requests made of tools' arguments: nothing but ids gets into a path, and each fault names its argument."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.mcp.tool_calls import InvalidArgument, make_request, read_offset
from tests.control.mcp.tool_set import WORKSPACE, all_tools

CALL = "01936d30-1b2c-7d3e-8f4a-5b6c7d8e9f00"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def made(tool: str, **arguments: Any) -> Any:
    return make_request(all_tools()[tool], WORKSPACE, arguments)


def test_arguments_go_where_the_operation_takes_them() -> None:
    listed = made("list_calls", **{"from": "2026-11-01", "caller_number": "+4930123", "cursor": CALL, "q": 'a "b c"&d'})
    assert listed.url.path == f"/workspaces/{WORKSPACE}/calls" and listed.body is None
    assert dict(listed.url.query) == {
        "from": "2026-11-01", "caller_number": "+4930123", "starting_after": CALL, "q": 'a "b c"&d', "limit": "20",
    }  # fmt: skip
    placed = made("place_call", idempotency_key="k1", agent_id=CALL, phone_number_to_call="+12025550123")
    assert (placed.method, placed.idempotency_key) == ("POST", "k1")
    assert json.loads(placed.body) == {"agent_id": CALL, "phone_number_to_call": "+12025550123"}
    assert made("get_call", call_id=CALL).url.path.endswith(f"/calls/{CALL}")
    assert made("end_call", call_id=CALL).body == b"{}"


@pytest.mark.parametrize(
    ("tool", "arguments", "why"),
    [
        ("get_call", {}, "call_id: is required"),
        ("get_call", {"call_id": None}, "call_id: is required"),
        ("get_call", {"call_id": ".."}, "call_id: must be an id"),
        ("get_call", {"call_id": f"{CALL}/recording"}, "call_id: must be an id"),
        ("get_call", {"call_id": 7}, "call_id: must be an id"),
        (
            "get_call",
            {"call_id": CALL, "workspace_id": CALL},
            "workspace_id: this argument does not exist; the arguments are: call_id",
        ),
        ("list_calls", {"limit": 51}, "limit: must be a whole number from 1 to 50"),
        ("list_calls", {"limit": True}, "limit: must be"),
        ("list_calls", {"page": 2}, "page: this argument does not exist"),
        ("list_calls", {"q": ["a"]}, "q: must be a text"),
        ("place_call", {"agent_id": CALL, "phone_number_to_call": "+12025550123"}, "idempotency_key: is required"),
        ("block_caller", {"caller": "+1202", "idempotency_key": "a\r\nX: y"}, "idempotency_key: must be"),
        ("block_caller", {"caller": "+1202", "idempotency_key": "é"}, "idempotency_key: must be"),
    ],
)
def test_faults_name_the_argument(tool: str, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        make_request(all_tools()[tool], WORKSPACE, arguments)


@pytest.mark.parametrize("offset", [-1, 1.5, "3", True, 10**9])
def test_an_offset_is_a_small_whole_number(offset: Any) -> None:
    with pytest.raises(InvalidArgument, match="offset: must be"):
        read_offset({"offset": offset})


def test_null_leaves_an_argument_out() -> None:
    """Programs that have a model name all arguments get null for those that it does not want."""
    for name in ("list_calls", "list_live_calls", "search_knowledge", "block_caller", "place_call"):
        tool = all_tools()[name]
        least = {one: CALL for one in tool.required}
        nulls = {argument: None for argument in tool.arguments if argument not in least}
        assert nulls and made(name, **least, **nulls) == made(name, **least), name
    assert read_offset({"offset": None}) == read_offset({}) == 0


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["get_call", "list_calls", "place_call", "search_knowledge", "delete_document"]), st.data())
def test_whatever_a_model_sends_the_request_stays_in_its_operation(name: str, data: st.DataObject) -> None:
    tool = all_tools()[name]
    arguments = data.draw(st.dictionaries(st.sampled_from([*tool.arguments, "other"]), JSON, max_size=4))
    try:
        request = make_request(tool, WORKSPACE, arguments)
    except InvalidArgument:
        return
    parts, template = request.url.path.split("/"), tool.path.split("/")
    assert len(parts) == len(template) and request.method == tool.method
    for part, declared in zip(parts, template, strict=True):
        assert UUID(part) if declared.startswith("{") else part == declared
    assert set(request.url.query) <= {argument.name for argument in tool.arguments.values()}
    assert request.idempotency_key.isascii()
