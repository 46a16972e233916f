"""What a connection asks for in the address of the MCP endpoint."""

import pytest
from aiohttp.test_utils import make_mocked_request

from control.mcp.declarations import ToolEffect
from control.mcp.endpoint import read_effects
from shared.errors import Invalid


@pytest.mark.parametrize(
    ("query", "effects"),
    [
        ("", set()),
        ("?allow=", set()),
        ("?allow=write", {ToolEffect.WRITE}),
        ("?allow=write,calls&allow=delete", {ToolEffect.WRITE, ToolEffect.CALLS, ToolEffect.DELETE}),
        ("?allow=calls%2Ccalls,", {ToolEffect.CALLS}),
    ],
)
def test_effects_are_asked_for_by_name(query: str, effects: set[ToolEffect]) -> None:
    assert read_effects(make_mocked_request("POST", f"/mcp{query}")) == effects


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("?allow=write,everything", "allow", "effect_unknown"),
        ("?allow=read", "allow", "effect_unknown"),
        ("?allow=Write", "allow", "effect_unknown"),
        ("?Allow=write", "Allow", "invalid"),
        ("?allow=write&key=vk_live_x", "key", "invalid"),
    ],
)
def test_what_else_stands_in_the_address_is_refused(query: str, param: str, code: str) -> None:
    with pytest.raises(Invalid) as raised:
        read_effects(make_mocked_request("POST", f"/mcp{query}"))
    assert (raised.value.param, raised.value.code) == (param, code) and "vk_live_x" not in raised.value.message
