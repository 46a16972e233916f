"""What a handler's signature says, and signatures that do not fit their route."""

from uuid import UUID

import pytest

from control.http.access import ANY_ADMIN, OPEN, USER, admin, member
from control.http.body import Body
from control.http.context import Context, MemberContext
from control.http.page import PageQuery
from control.http.route import BadRoute, Limit, Route, path_names, shape, snake


class Given(Body):
    """A body."""

    email: str


async def full(context: Context, thing_id: UUID, number: int, body: Given, query: PageQuery) -> Given:
    """Does much.

    And says so."""
    return body


async def nothing(context: MemberContext) -> None:
    """Does nothing."""


async def no_context(thing_id: UUID) -> None: ...


async def stranger(context: Context, other_id: UUID) -> None: ...


async def no_model(context: Context, body: dict[str, str]) -> None: ...


def test_a_signature_is_read_whole() -> None:
    its = shape(Route("POST", "/things/{thingId}/{number}", full, OPEN))
    assert (its.body, its.query) == (Given, PageQuery)
    assert [(name, spelt) for name, spelt, _ in its.path] == [("number", "number"), ("thing_id", "thingId")]
    assert its.answer is not None
    assert its.summary.startswith("Does much.")


def test_the_workspace_of_a_members_route_is_not_handed_on() -> None:
    its = shape(Route("GET", "/workspaces/{workspaceId}", nothing, member("viewer")))
    assert (its.path, its.answer) == ((), None)


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route("GET", "/x", no_context, OPEN), "must be a Context"),
        (Route("GET", "/x/{thingId}", stranger, OPEN), "other_id"),
        (Route("POST", "/x", no_model, OPEN), "body must be a pydantic model"),
        (Route("GET", "/x", nothing, member("viewer")), "workspaceId"),
        (Route("POST", "/x/{thingId}/{number}", full, OPEN, limit=Limit("a", 1, 1, account="name")), "no field name"),
        (Route("POST", "/x/{thingId}/{number}", full, USER, limit=Limit("a", 1, 1, account="email")), "signed in"),
    ],
)
def test_a_signature_that_does_not_fit_is_found_at_the_start(route: Route, told: str) -> None:
    with pytest.raises(BadRoute, match=told):
        shape(route)


def test_roles_of_a_workspace_are_a_ladder_and_those_of_the_staff_are_not() -> None:
    assert member("viewer").roles == {"owner", "admin", "member", "viewer"}
    assert member("member").roles == {"owner", "admin", "member"}
    assert member("owner").roles == {"owner"}
    assert admin("finance").roles == {"super_admin", "finance"}
    assert ANY_ADMIN.allows("read_only") and not admin().allows("support")
    assert not member("viewer").allows(None)


@pytest.mark.parametrize(("name", "snaked"), [("workspaceId", "workspace_id"), ("provider", "provider")])
def test_names_of_paths_become_names_of_python(name: str, snaked: str) -> None:
    assert snake(name) == snaked


def test_path_names_stand_in_their_order() -> None:
    assert path_names("/a/{bId}/c/{dId}") == ["bId", "dId"]
