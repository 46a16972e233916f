"""Handlers' signatures, and those that do not fit their route."""

from uuid import UUID

import pytest

from control.http.access import ANY_ADMIN, OPEN, USER, admin, member
from control.http.body import Body
from control.http.context import Context, MemberContext
from control.http.pagination import PageQuery
from control.http.route import InvalidRoute, RateLimit, Route, path_parameters, read_signature, snake_case


class Payload(Body):
    """A body."""

    email: str


async def full(context: Context, thing_id: UUID, number: int, body: Payload, query: PageQuery) -> Payload:
    """Has every kind of parameter.

    And a description."""
    return body


async def nothing(context: MemberContext) -> None:
    """Does nothing."""


async def no_context(thing_id: UUID) -> None: ...


async def unknown_parameter(context: Context, other_id: UUID) -> None: ...


async def no_model(context: Context, body: dict[str, str]) -> None: ...


def test_signature_is_read() -> None:
    signature = read_signature(Route("POST", "/things/{thingId}/{number}", full, OPEN))
    assert (signature.body, signature.query) == (Payload, PageQuery)
    assert [(name, path_name) for name, path_name, _ in signature.path] == [
        ("number", "number"),
        ("thing_id", "thingId"),
    ]
    assert signature.response is not None
    assert signature.summary.startswith("Has every kind")


def test_workspace_id_of_a_members_route_is_no_path_parameter() -> None:
    signature = read_signature(Route("GET", "/workspaces/{workspaceId}", nothing, member("viewer")))
    assert (signature.path, signature.response) == ((), None)


@pytest.mark.parametrize(
    ("route", "message"),
    [
        (Route("GET", "/x", no_context, OPEN), "must be a Context"),
        (Route("GET", "/x/{thingId}", unknown_parameter, OPEN), "other_id"),
        (Route("POST", "/x", no_model, OPEN), "body must be a pydantic model"),
        (Route("GET", "/x", nothing, member("viewer")), "workspaceId"),
        (
            Route("POST", "/x/{thingId}/{number}", full, OPEN, limit=RateLimit("a", 1, 1, account="name")),
            "no field name",
        ),
        (
            Route("POST", "/x/{thingId}/{number}", full, USER, limit=RateLimit("a", 1, 1, account="email")),
            "open routes only",
        ),
        (Route("POST", "/x/{thingId}/{number}", full, OPEN, check_limit=RateLimit("a", 1, 1)), "nobody is known"),
    ],
)
def test_signature_that_does_not_fit_is_refused(route: Route, message: str) -> None:
    with pytest.raises(InvalidRoute, match=message):
        read_signature(route)


def test_workspace_roles_are_ordered_and_staff_roles_are_not() -> None:
    assert member("viewer").roles == {"owner", "admin", "member", "viewer"}
    assert member("member").roles == {"owner", "admin", "member"}
    assert member("owner").roles == {"owner"}
    assert admin("finance").roles == {"super_admin", "finance"}
    assert ANY_ADMIN.allows("read_only") and not admin().allows("support")
    assert not member("viewer").allows(None)


@pytest.mark.parametrize(("name", "snake"), [("workspaceId", "workspace_id"), ("provider", "provider")])
def test_path_names_become_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_path_parameters_are_in_order() -> None:
    assert path_parameters("/a/{bId}/c/{dId}") == ["bId", "dId"]
