"""Registry of the settings: type, default and description of each key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from shared.errors import Invalid

SettingKind = Literal["boolean", "integer", "choice", "tier"]


_TIER_NAME: Final = r"[a-z][a-z0-9_]{0,39}"


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One key. minimum, maximum: of an integer. choices: of a choice. A tier is the name of an offered tier."""

    key: str
    kind: SettingKind
    default: Any
    description: str
    minimum: int = 0
    maximum: int = 0
    choices: tuple[str, ...] = ()


def _switch(key: str, default: bool, description: str) -> SettingSpec:
    return SettingSpec(key, "boolean", default, description)


def _number(key: str, default: int, least: int, most: int, description: str) -> SettingSpec:
    return SettingSpec(key, "integer", default, description, least, most)


_SPECS: Final = (
    _switch("signup_enabled", True, "Whether people may sign up by themselves; invitations work all the same."),
    _switch("admin_totp_required", False, "Whether staff must have a second factor to sign in."),
    SettingSpec("default_tier", "tier", "trial", "The tier of a new workspace."),
    _number("trial_days", 14, 0, 365, "Days that a new workspace is on trial; 0 makes it active at once."),
    SettingSpec(
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
        "Minutes of outbound calls and of transferred callers within 24 hours, after which no call is placed.",
    ),
    _number(
        "trial_test_calls_per_day", 20, 0, 1_000, "Test calls that a workspace on trial may place within 24 hours."
    ),
    _number(
        "test_calls_per_day", 100, 0, 10_000, "Test calls that a workspace not on trial may place within 24 hours."
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
    _number(
        "provider_probe_cents_per_day", 50, 0, 100_000,
        "US cents that the worker's probes of providers may cost a day, at most; 0: no language model is probed.",
    ),
    _number(
        "billing_close_delay_hours", 24, 0, 168,
        "Hours after a billing period's end in which late usage still becomes part of it; then its invoice is made.",
    ),
    _number("invoice_due_days", 14, 0, 120, "Days in which an invoice is to be paid."),
    SettingSpec(
        "overdue_action", "choice", "suspend",
        "What happens to a workspace whose invoice stays overdue: suspend it until it has paid, or keep it.",
        choices=("suspend", "keep"),
    ),
    _number(
        "overdue_grace_days", 14, 0, 365, "Days for which an invoice may be overdue before its workspace is suspended."
    ),
    _number("job_history_days", 14, 1, 365, "Days that the worker's log and its failed jobs are kept."),
)  # fmt: skip

REGISTRY: Final[Mapping[str, SettingSpec]] = {spec.key: spec for spec in _SPECS}


def check_setting(spec: SettingSpec, value: Any) -> None:
    """Checks a value as far as possible without the database. Raises Invalid."""
    match spec.kind:
        case "boolean":
            right, wanted = isinstance(value, bool), "true or false"
        case "integer":
            whole = isinstance(value, int) and not isinstance(value, bool)
            right, wanted = (
                whole and spec.minimum <= value <= spec.maximum,
                f"a whole number, {spec.minimum} to {spec.maximum}",
            )
        case "choice":
            right, wanted = value in spec.choices, "one of " + ", ".join(spec.choices)
        case "tier":
            right = isinstance(value, str) and re.fullmatch(_TIER_NAME, value) is not None
            wanted = "the name of a tier"
    if not right:
        raise Invalid(f"{spec.key} must be {wanted}.", param=spec.key, code="setting_invalid")
