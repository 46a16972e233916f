"""Records of settings and tiers, the registry of all settings, and checks of changes. Pure functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from shared.errors import Conflict, Invalid

# The platform's currency (ISO 4217, lower case as in the API): for all costs and the tiers' base prices. Sums over
# several workspaces are converted into it.
CURRENCY: Final = "usd"


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices and limits of the workspaces that have this tier.

    Attributes:
        monthly_fee: In major units.
        price_per_minute: In major units.
    """

    tier_name: str
    display_name: str
    monthly_fee: Decimal
    included_minutes: int
    price_per_minute: Decimal
    max_agents: int
    max_members: int
    max_phone_numbers: int
    max_concurrent_calls: int
    features: Mapping[str, Any]
    is_available: bool
    position: int
    stripe_price_id: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the platform.

    Attributes:
        updated_at: None if the setting was never stored.
    """

    key: str
    value: Any
    description: str
    updated_at: datetime | None


SettingKind = Literal["boolean", "integer", "choice", "tier", "currency"]


_TIER_NAME: Final = r"[a-z][a-z0-9_]{0,39}"
_CURRENCY: Final = r"[a-z]{3}"


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """The specification of a setting.

    Attributes:
        minimum: Smallest value of an integer.
        maximum: Largest value of an integer.
        choices: Allowed values of a choice. A tier setting takes the name of an offered tier. A currency setting takes
            a currency in which the tier of new workspaces has a price (ISO 4217, lower case).
    """

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
    _switch("signup_enabled", True, "Whether people may sign up; invitations work in either case."),
    _switch(
        "admin_totp_required", True,
        "Whether staff must have a second factor to sign in; at first `false` if "
        "`VOCALIZED_PUBLIC_URL` is local.",
    ),
    SettingSpec("default_tier", "tier", "trial", "The tier of a new workspace."),
    SettingSpec(
        "default_currency", "currency", CURRENCY, "The currency of a new workspace whose creator chooses none."
    ),
    _number("trial_days", 14, 0, 365, "Days that a person's workspaces are on trial, from the first one; 0: no trial."),
    SettingSpec(
        "trial_end_action", "choice", "suspend",
        "What happens to a workspace whose trial is over: suspend it, or keep it on trial.",
        choices=("suspend", "keep"),
    ),
    _number("deletion_grace_days", 30, 0, 365, "Days in which a deleted workspace can be restored."),
    _number("invitation_days", 7, 1, 90, "Days that an invitation is valid."),
    _number(
        "letters_per_hour", 5, 1, 1_000,
        "Emails of a kind (invitation, confirmation, new password) to one address within an hour.",
    ),
    _number(
        "letters_per_day", 20, 1, 10_000,
        "Emails of a kind (invitation, confirmation, new password) to one address within 24 hours.",
    ),
    _number("max_workspaces_per_user", 10, 1, 1_000, "Workspaces that one user may own."),
    _number("outbound_calls_per_minute", 30, 1, 10_000, "Outbound calls that a workspace may place within a minute."),
    _number("outbound_calls_per_hour", 300, 1, 100_000, "Outbound calls that a workspace may place within an hour."),
    _number(
        "outbound_minutes_per_hour", 300, 1, 100_000,
        "Minutes of a workspace's outbound calls that began within an hour; then it places no more.",
    ),
    _number(
        "platform_calls_per_hour", 10_000, 0, 10_000_000,
        "Outbound calls of all workspaces within an hour; then no more are placed or dialed. 0 "
        "stops all outbound calls.",
    ),
    _number(
        "platform_calls_per_day", 100_000, 0, 100_000_000,
        "Outbound calls of all workspaces within 24 hours; then no more are placed or dialed.",
    ),
    _number(
        "platform_minutes_per_hour", 20_000, 0, 10_000_000,
        "Minutes of the outbound calls of all workspaces that began within an hour; then no more "
        "are placed or dialed.",
    ),
    _number(
        "platform_minutes_per_day", 200_000, 0, 100_000_000,
        "Minutes of the outbound calls of all workspaces within 24 hours; then no more are placed "
        "or dialed.",
    ),
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
        "Minutes of a workspace's outbound calls and transferred callers within 24 hours; then it "
        "places no more calls.",
    ),
    _number(
        "trial_test_calls_per_day", 20, 0, 1_000,
        "Test calls that a person on trial may place within 24 hours in all workspaces, including "
        "deleted ones.",
    ),
    _number(
        "test_calls_per_day", 100, 0, 10_000,
        "Test calls that a person may place within 24 hours in all workspaces, including deleted "
        "ones.",
    ),
    _switch(
        "trial_calls_verified_only", True,
        "Whether a workspace on trial may call only phones that its members have verified, in the "
        "country of its own number.",
    ),
    _number(
        "phone_codes_per_day", 5, 0, 1_000,
        "Calls with a verification code that a person may request within 24 hours.",
    ),
    _number(
        "phone_codes_per_number", 3, 0, 1_000,
        "Calls with a verification code to one phone within 24 hours, whoever requests them.",
    ),
    _number("phone_code_minutes", 10, 1, 120, "Minutes for which a spoken code is valid."),
    _number("verified_numbers_per_user", 5, 1, 100, "Phones that one user may have verified."),
    _number(
        "alarm_short_calls_per_hour", 30, 1, 1_000_000,
        "Answered outbound calls of a workspace within an hour, shorter than alarm_short_call_s, that raise an alarm.",
    ),
    _number("alarm_short_call_s", 6, 1, 600, "Seconds below which an answered outbound call counts as short."),
    _number(
        "alarm_test_calls_per_hour", 15, 1, 1_000_000, "Test calls of a workspace within an hour that raise an alarm."
    ),
    _number(
        "alarm_new_countries_per_day", 3, 1, 300,
        "Countries that a workspace calls for the first time within 24 hours that raise an alarm.",
    ),
    _number("test_call_minutes", 10, 1, 240, "Longest test call, in minutes."),
    _number(
        "twilio_stream_price", 4_000, 0, 1_000_000,
        "Millionths of a US dollar that a minute of a media stream costs at Twilio.",
    ),
    _number(
        "twilio_recording_price", 2_500, 0, 1_000_000,
        "Millionths of a US dollar that a minute of a recording costs at Twilio.",
    ),
    _number(
        "twilio_detection_price", 7_500, 0, 1_000_000,
        "Millionths of a US dollar that detecting an answering machine costs at Twilio.",
    ),
    _number("outbound_ring_s", 45, 10, 120, "Seconds that an outbound call rings."),
    _number(
        "number_purchases_per_day", 10, 0, 10_000,
        "Phone numbers that a person may buy within 24 hours for all workspaces, including deleted "
        "workspaces and released numbers.",
    ),
    _number(
        "trial_number_purchases", 3, 0, 1_000,
        "Phone numbers that a person may buy within 30 days for workspaces on trial, including "
        "deleted workspaces and released numbers.",
    ),
    _number(
        "number_highest_monthly_price", 10, 1, 10_000,
        "Highest monthly price of a phone number, in US dollars.",
    ),
    _number(
        "provider_probe_cents_per_day", 50, 0, 100_000,
        "Most US cents a day that the worker's probes of providers may cost; 0: no language model "
        "is probed.",
    ),
    _number(
        "billing_close_delay_hours", 24, 0, 168,
        "Hours after the end of a billing period during which late usage still belongs to it; then "
        "its invoice is created.",
    ),
    _number("invoice_due_days", 14, 0, 120, "Days within which an invoice must be paid."),
    SettingSpec(
        "overdue_action", "choice", "suspend",
        "What happens to a workspace whose invoice stays overdue: suspend it until it has paid, or keep it.",
        choices=("suspend", "keep"),
    ),
    _number(
        "overdue_grace_days", 14, 0, 365, "Days for which an invoice may be overdue before its workspace is suspended."
    ),
    _number(
        "recording_days", 365, 1, 3_650,
        "Days that recordings of calls are kept, if the workspace's tier sets no limit and the "
        "workspace no lower one.",
    ),
    _number(
        "transcript_days", 365, 1, 3_650,
        "Days that transcripts, summaries and messages of calls are kept, if the workspace's tier "
        "sets no limit and the workspace no lower one.",
    ),
    _number(
        "event_days", 365, 1, 3_650,
        "Days that events of calls are kept, if the workspace's tier sets no limit and the "
        "workspace no lower one; no longer than transcripts.",
    ),
    _number(
        "retention_grace_days", 7, 0, 90,
        "Days before a lower limit of a tier or setting deletes anything.",
    ),
    _number("export_days", 7, 1, 90, "Days that the file of a workspace's export can be downloaded."),
    _number(
        "knowledge_documents", 100, 0, 10_000,
        "Documents that a workspace's agents may search, if its tier sets no limit.",
    ),
    _number(
        "knowledge_chunks", 100_000, 0, 1_000_000,
        "Chunks (at most 900 characters) of all documents of a workspace, if its tier sets no "
        "limit.",
    ),
    _number(
        "knowledge_document_bytes", 10_000_000, 1, 20_000_000,
        "Bytes of a document's file, if the workspace's tier sets no limit.",
    ),
    _number(
        "knowledge_document_pages", 500, 1, 5_000,
        "Pages of a PDF that agents search, if the workspace's tier sets no limit.",
    ),
    _number(
        "knowledge_document_characters", 2_000_000, 1, 10_000_000,
        "Characters of a document's text, if the workspace's tier sets no limit.",
    ),
    _number("campaigns", 500, 0, 10_000, "Campaigns that a workspace may have, if its tier sets no limit."),
    _number(
        "campaigns_running", 3, 0, 100,
        "Campaigns of a workspace that may run at once, if its tier sets no limit.",
    ),
    _number(
        "campaign_recipients", 10_000, 0, 100_000,
        "Recipients that a campaign may have, if the workspace's tier sets no limit.",
    ),
    _number(
        "campaign_attempts", 5, 1, 10,
        "Calls that a campaign may place to one recipient, if the workspace's tier sets no limit.",
    ),
    _number("supervisors", 20, 0, 1_000, "People who may supervise calls of a workspace at once."),
    _number("job_history_days", 14, 1, 365, "Days that the worker's log and its failed jobs are kept."),
)  # fmt: skip

# Not stored in a new database, because their default depends on the kind of the platform.
UNSEEDED: Final = frozenset({"admin_totp_required"})

REGISTRY: Final[Mapping[str, SettingSpec]] = {spec.key: spec for spec in _SPECS}


def check_setting(spec: SettingSpec, value: Any) -> None:
    """Check a value as far as possible without the database. Raises Invalid."""
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
        case "currency":
            right = isinstance(value, str) and re.fullmatch(_CURRENCY, value) is not None
            wanted = "a currency by its ISO 4217 code in lower case"
    if not right:
        raise Invalid(f"{spec.key} must be {wanted}.", param=spec.key, code="setting_invalid")


# Limits whose use is counted per workspace.
TIER_LIMITS: Final = ("max_agents", "max_members", "max_phone_numbers")


@dataclass(frozen=True, slots=True)
class NewTier:
    """A tier to create."""

    tier_name: str
    display_name: str
    monthly_fee: Decimal
    included_minutes: int
    price_per_minute: Decimal
    max_agents: int
    max_members: int = 5
    max_phone_numbers: int = 5
    max_concurrent_calls: int = 5
    features: Mapping[str, Any] = field(default_factory=dict)
    is_available: bool = True
    position: int = 0
    stripe_price_id: str | None = None

    def tier(self) -> Tier:
        """The tier to store."""
        return Tier(**{name: getattr(self, name) for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class TierChange:
    """The fields of a tier to change, by name."""

    fields: Mapping[str, Any]

    def applied(self, tier: Tier) -> Tier:
        """Return the tier after the change."""
        return replace(tier, **self.fields)


@dataclass(frozen=True, slots=True)
class TierUse:
    """The use of a tier's limits.

    Attributes:
        most: Highest use by a workspace, by limit.
        over: Number of workspaces that exceed the limit, by limit.
    """

    most: Mapping[str, int]
    over: Mapping[str, int]


def require_limits_fit(before: Tier, after: Tier, use: TierUse) -> None:
    """Raise Conflict if a lowered limit is below the use of a workspace."""
    for name in TIER_LIMITS:
        new = getattr(after, name)
        if new < getattr(before, name) and use.over[name]:
            raise Conflict(
                f"{name} cannot be {new}: {use.over[name]} of this tier's workspaces use more, up to {use.most[name]}.",
                param=name,
                code="tier_in_use",
            )
