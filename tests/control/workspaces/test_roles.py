"""The rule of roles, for every combination."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from control.http.key_text import WORKSPACE_ROLES
from control.workspaces.rules import ROLES, Role, grantable_roles, may_change_role

roles = st.sampled_from(ROLES)
role_or_none = st.none() | roles


def rank(role: Role | None) -> int:
    return len(ROLES) if role is None else ROLES.index(role)


def test_roles_equal_those_of_the_routes() -> None:
    assert ROLES == WORKSPACE_ROLES


def test_owners_may_do_everything() -> None:
    assert all(may_change_role("owner", target, new) for target, new in product((*ROLES, None), (*ROLES, None)))


def test_members_and_viewers_may_do_nothing() -> None:
    for actor, target, new in product(("member", "viewer"), (*ROLES, None), (*ROLES, None)):
        assert not may_change_role(actor, target, new)  # type: ignore[arg-type]


def test_admins_may_do_everything_except_with_owners() -> None:
    for target, new in product((*ROLES, None), (*ROLES, None)):
        assert may_change_role("admin", target, new) == ("owner" not in (target, new))


@given(roles, role_or_none)
def test_nobody_raises_their_own_role(actor: Role, new: Role | None) -> None:
    if may_change_role(actor, actor, new):
        assert rank(new) >= rank(actor)


@given(roles, role_or_none, role_or_none)
def test_nobody_grants_or_changes_a_higher_role(actor: Role, target: Role | None, new: Role | None) -> None:
    if may_change_role(actor, target, new):
        assert rank(actor) <= min(rank(target), rank(new))


@given(roles, roles, role_or_none, role_or_none)
def test_higher_role_may_do_what_a_lower_one_may(one: Role, other: Role, target: Role | None, new: Role | None) -> None:
    lower, higher = sorted((one, other), key=rank, reverse=True)
    assert may_change_role(higher, target, new) or not may_change_role(lower, target, new)


def test_grantable_roles() -> None:
    assert [len(grantable_roles(role)) for role in ROLES] == [4, 3, 0, 0]
