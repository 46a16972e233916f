"""The rule of roles, held to what it promises for every combination."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from control.http.access import WORKSPACE_ROLES
from control.workspaces.roles import ROLES, Role, grantable, may

roles = st.sampled_from(ROLES)
maybe = st.none() | roles


def power(role: Role | None) -> int:
    return len(ROLES) if role is None else ROLES.index(role)


def test_the_ladder_is_that_of_the_routes() -> None:
    assert ROLES == WORKSPACE_ROLES


def test_owners_may_everything() -> None:
    assert all(may("owner", target, new) for target, new in product((*ROLES, None), (*ROLES, None)))


def test_members_and_viewers_may_nothing() -> None:
    for actor, target, new in product(("member", "viewer"), (*ROLES, None), (*ROLES, None)):
        assert not may(actor, target, new)  # type: ignore[arg-type]


def test_admins_may_all_but_what_has_to_do_with_owners() -> None:
    for target, new in product((*ROLES, None), (*ROLES, None)):
        assert may("admin", target, new) == ("owner" not in (target, new))


@given(roles, maybe)
def test_nobody_raises_themselves(actor: Role, new: Role | None) -> None:
    if may(actor, actor, new):
        assert power(new) >= power(actor)


@given(roles, maybe, maybe)
def test_nobody_makes_or_touches_somebody_above_themselves(actor: Role, target: Role | None, new: Role | None) -> None:
    if may(actor, target, new):
        assert power(actor) <= min(power(target), power(new))


@given(roles, roles, maybe, maybe)
def test_a_higher_role_may_all_that_a_lower_one_may(
    one: Role, other: Role, target: Role | None, new: Role | None
) -> None:
    lower, higher = sorted((one, other), key=power, reverse=True)
    assert may(higher, target, new) or not may(lower, target, new)


def test_what_can_be_granted() -> None:
    assert [len(grantable(role)) for role in ROLES] == [4, 3, 0, 0]
