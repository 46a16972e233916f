"""The settings that there are: for each key what it may be, what it is until somebody changes it, and what it means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.errors import Invalid

Kind = Literal["boolean", "integer", "choice", "tier"]


_TIER_NAME: Final = r"[a-z][a-z0-9_]{0,39}"


@dataclass(frozen=True, slots=True)
class Spec:
    """One key. least and most bound an integer; choices are those of a choice. A tier is the name of an offered one."""

    key: str
    kind: Kind
    default: Any
    description: str
    least: int = 0
    most: int = 0
    choices: tuple[str, ...] = ()


def _switch(key: str, default: bool, description: str) -> Spec:
    return Spec(key, "boolean", default, description)


def _number(key: str, default: int, least: int, most: int, description: str) -> Spec:
    return Spec(key, "integer", default, description, least, most)


_SPECS: Final = (
    _switch("signup_enabled", True, "Whether people may sign up by themselves; invitations work all the same."),
    _switch("admin_totp_required", False, "Whether staff must have a second factor to sign in."),
    Spec("default_tier", "tier", "trial", "The tier of a new workspace."),
    _number("trial_days", 14, 0, 365, "Days that a new workspace is on trial; 0 makes it active at once."),
    Spec(
        "trial_end_action", "choice", "suspend",
        "What happens to a workspace whose trial is over: suspend it, or keep it on trial.",
        choices=("suspend", "keep"),
    ),
    _number("deletion_grace_days", 30, 0, 365, "Days in which a deleted workspace can be restored."),
    _number("invitation_days", 7, 1, 90, "Days that an invitation is good for."),
    _number("max_workspaces_per_user", 10, 1, 1_000, "Workspaces that one user may own."),
    _number("outbound_calls_per_minute", 30, 1, 10_000, "Outbound calls that a workspace may place within a minute."),
    _number(
        "outbound_calls_per_day", 1_000, 1, 1_000_000,
        "Outbound calls that a workspace may place within 24 hours.",
    ),
    _number(
        "outbound_repeats_per_day", 10, 1, 1_000,
        "Calls that a workspace may place to the same number within 24 hours.",
    ),
    _number(
        "outbound_minutes_per_day", 600, 1, 1_000_000,
        "Minutes of outbound calls and of callers put through within 24 hours, after which no call is placed.",
    ),
    _number(
        "trial_test_calls_per_day", 20, 0, 1_000, "Test calls that a workspace on trial may place within 24 hours."
    ),
    _number(
        "test_calls_per_day", 100, 0, 10_000, "The same for a workspace that is not on trial."
    ),
    _number("test_call_minutes", 10, 1, 240, "Longest test call, minutes."),
    _number("outbound_ring_s", 45, 10, 120, "Seconds that an outbound call rings."),
    _number(
        "number_purchases_per_day", 10, 0, 10_000,
        "Phone numbers that a workspace may buy within 24 hours, those given back since included.",
    ),
    _number(
        "number_highest_monthly_price", 10, 1, 10_000,
        "US dollars a month; phone numbers that cost more are not bought.",
    ),
    _number("job_history_days", 14, 1, 365, "Days that the worker's log and its failed jobs are kept."),
)  # fmt: skip

REGISTRY: Final[Mapping[str, Spec]] = {spec.key: spec for spec in _SPECS}


def check(spec: Spec, value: Any) -> None:
    """Whether this may be the key's value, as far as that can be told without a database. Raises Invalid."""
    match spec.kind:
        case "boolean":
            right, wanted = isinstance(value, bool), "true or false"
        case "integer":
            whole = isinstance(value, int) and not isinstance(value, bool)
            right, wanted = whole and spec.least <= value <= spec.most, f"a whole number, {spec.least} to {spec.most}"
        case "choice":
            right, wanted = value in spec.choices, "one of " + ", ".join(spec.choices)
        case "tier":
            right = isinstance(value, str) and re.fullmatch(_TIER_NAME, value) is not None
            wanted = "the name of a tier"
    if not right:
        raise Invalid(f"{spec.key} must be {wanted}.", param=spec.key, code="setting_invalid")
