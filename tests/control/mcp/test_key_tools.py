"""Which tools a connection has: every tool by keys with and without its scope, by each role, with and without the
effects that it asks for. The routes' own declarations decide what is expected."""

from itertools import product

import pytest
from structlog.testing import capture_logs

from control.http.access import WorkspaceRole
from control.http.key_text import SCOPES
from control.mcp.declarations import TOOLS, ToolEffect
from control.mcp.tool_calls import ASKABLE, ApiReply, ApiRequest, KeyTools, UnknownTool
from tests.control.mcp.tool_set import ROUTE_OF, all_tools, key_with

ALL = frozenset[str](SCOPES)
ROLES: tuple[WorkspaceRole, ...] = ("admin", "member", "viewer")


class SentRequests:
    """Takes requests in place of the API."""

    def __init__(self) -> None:
        self.sent: list[ApiRequest] = []

    async def __call__(self, request: ApiRequest) -> ApiReply:
        self.sent.append(request)
        return ApiReply(404, b"")


def tools_of(
    scopes: frozenset[str], role: WorkspaceRole = "admin", effects: tuple[ToolEffect, ...] = ASKABLE
) -> tuple[KeyTools, SentRequests]:
    send = SentRequests()
    return KeyTools(all_tools(), key_with(scopes, role), effects, send), send


@pytest.mark.parametrize(
    "scopes", [frozenset(), *[frozenset({scope}) for scope in SCOPES], *[ALL - {scope} for scope in SCOPES]]
)
@pytest.mark.parametrize("role", ROLES)
async def test_a_tool_is_listed_and_called_where_its_route_allows_the_key(
    scopes: frozenset[str], role: WorkspaceRole
) -> None:
    tools, send = tools_of(scopes, role)
    listed = {tool.name for tool in tools.list_available()}
    for declaration in TOOLS:
        access = ROUTE_OF[declaration.operation].access
        expected = access.scope in scopes and access.allows(role)
        assert (declaration.name in listed) == expected, declaration.name
        before = len(send.sent)
        result = await tools.call(declaration.name, _arguments(declaration.name))
        assert result.is_error and (len(send.sent) > before) == expected, result.text
        assert expected or "needs" in result.text


@pytest.mark.parametrize(
    "effects",
    [tuple(one for one, on in zip(ASKABLE, chosen, strict=True) if on) for chosen in product([0, 1], repeat=3)],
)
async def test_effects_are_off_unless_the_connection_asks_for_them(effects: tuple[ToolEffect, ...]) -> None:
    tools, send = tools_of(ALL, effects=effects)
    for declaration in TOOLS:
        is_on = declaration.effect in (ToolEffect.READ, *effects)
        assert (declaration.name in {tool.name for tool in tools.list_available()}) == is_on
        before = len(send.sent)
        result = await tools.call(declaration.name, _arguments(declaration.name))
        assert (len(send.sent) > before) == is_on
        assert is_on or ("is off" in result.text and str(declaration.effect) in result.text)


async def test_a_faulty_call_reaches_no_route_and_an_unknown_tool_is_an_error_of_its_own() -> None:
    tools, send = tools_of(ALL)
    assert (await tools.call("get_call", {"call_id": "x"})).text.startswith("call_id: must be an id")
    assert (await tools.call("get_transcript", _arguments("get_transcript") | {"offset": -1})).is_error
    with pytest.raises(UnknownTool):
        await tools.call("delete_workspace", {})
    assert send.sent == []


async def test_the_log_has_the_tool_and_no_argument() -> None:
    tools, _ = tools_of(ALL)
    with capture_logs() as logs:
        await tools.call("list_calls", {"q": "toothache"})
    assert [(line["event"], line["tool"], line["status"]) for line in logs] == [("mcp_tool.called", "list_calls", 404)]
    assert "toothache" not in str(logs)


def _arguments(name: str) -> dict[str, str]:
    """The least that the tool takes."""
    ids = {one: "01936d30-1b2c-7d3e-8f4a-5b6c7d8e9f00" for one in all_tools()[name].required}
    return ids
