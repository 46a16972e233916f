"""Declares each setting of a workspace. Pure functions.

Settings are stored in the JSON column `workspaces.settings`. To add a setting, add

1. a `WorkspaceSetting` to `SETTINGS`, which also adds its changes to the audit log, and 2. a field to the request and
the answer of those who change it: `AdminSettings` and `AdminSettingsView` (PUT of a
   workspace), or `StaffSettings` and `StaffSettingsView` (PUT by staff). A setting with its own rules has its own
   route.

Code that has the column reads a setting with `SETTING.read(settings)`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import phonenumbers
from pydantic import Field, StringConstraints

from control.http.body import PLAIN, Body, ChangeBody
from control.redaction.finder import KINDS, RedactionKind
from shared.errors import Invalid

T = TypeVar("T")
ChangedBy = Literal["owners", "admins", "staff"]


def _accept(value: Any) -> None:
    """Accept any value that the request's type allows."""


@dataclass(frozen=True, slots=True)
class WorkspaceSetting(Generic[T]):
    """A setting of a workspace.

    Attributes:
        name: Key in the column, field in the API, and name in the audit log.
        text: Description for readers of the API.
        changed_by: The lowest workspace role that may change the setting, or the platform's staff.
        default: Value of a workspace that has not set it.
        decode: Reads a stored value. Returns None for a value that only another release supports.
        encode: Converts a request's value to the stored JSON. An empty result removes the setting.
        check: Raises Invalid if a request's value must not be stored.
    """

    name: str
    text: str
    changed_by: ChangedBy
    default: T
    decode: Callable[[Any], T | None]
    encode: Callable[[Any], Any]
    check: Callable[[Any], None] = _accept

    def read(self, settings: Mapping[str, Any]) -> T:
        """Return this setting's value from all settings of a workspace."""
        value = self.decode(settings.get(self.name))
        return self.default if value is None else value


def apply_settings(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with the changes applied. An empty value removes a setting."""
    kept = {name: value for name, value in settings.items() if name not in changes}
    changed = {name: _BY_NAME[name].encode(value) for name, value in changes.items()}
    return kept | {name: value for name, value in changed.items() if value}


def check_settings(changes: Mapping[str, Any]) -> None:
    """Check the changed settings. Raises Invalid (disclosure_text_missing, country_unknown)."""
    for name, value in changes.items():
        _BY_NAME[name].check(value)


def pick_settings(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes that are settings. All other changes are columns."""
    return {name: value for name, value in changes.items() if name in _BY_NAME}


def read_settings(settings: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the values of the named settings by name."""
    return {name: _BY_NAME[name].read(settings) for name in names}


# --- Disclosure ------------------------------------------------------------------------------------------------------

# Characters. Equals the limit for an agent's own disclosure.
LONGEST_DISCLOSURE: Final = 500
# off: no disclosure. by_jurisdiction: our text, if a known law requires it (config/data/disclosures.json). text: the
# workspace's own text, in each call.
DisclosureMode = Literal["off", "by_jurisdiction", "text"]


@dataclass(frozen=True, slots=True)
class DisclosureChoice:
    """The disclosure that callers of a workspace hear first, unless the agent has its own text."""

    mode: Annotated[
        DisclosureMode,
        Field(
            description="`off`: none. `by_jurisdiction`: our text, if a known law requires it. `text`: the "
            "workspace's own text."
        ),
    ] = "off"
    text: Annotated[
        str, Field(description="The workspace's own text. Empty unless the mode is `text`.", examples=[""])
    ] = ""


NO_DISCLOSURE: Final = DisclosureChoice()


class DisclosureBody(Body):
    """The disclosure that an artificial voice is speaking.

    Callers hear the whole text before anything else, unless the agent has its own disclosure.
    """

    mode: DisclosureMode = Field("off", description="Which text callers hear.")
    text: str = Field(
        "",
        max_length=LONGEST_DISCLOSURE,
        pattern=PLAIN,
        description="The text, up to 500 characters.",
        examples=["You are speaking with our AI assistant."],
    )


def _decode_disclosure(stored: Any) -> DisclosureChoice | None:
    match stored:
        case {"mode": "by_jurisdiction"}:
            return DisclosureChoice("by_jurisdiction")
        case {"mode": "text", "text": str(text)} if text:
            return DisclosureChoice("text", text)
    return None


def _encode_disclosure(choice: DisclosureBody) -> Mapping[str, str]:
    if choice.mode == "off":
        return {}
    return {"mode": choice.mode, "text": choice.text.strip() if choice.mode == "text" else ""}


def _check_disclosure(choice: DisclosureBody) -> None:
    if choice.mode == "text" and not choice.text.strip():
        raise Invalid("Say what callers are told.", param="disclosure.text", code="disclosure_text_missing")


# --- Other values ----------------------------------------------------------------------------------------------------


def _decode_texts(stored: Any) -> tuple[str, ...] | None:
    return tuple(each for each in stored if isinstance(each, str)) if isinstance(stored, list) else None


def _decode_days(stored: Any) -> Mapping[str, int] | None:
    return stored if isinstance(stored, Mapping) else None


def require_countries(codes: Sequence[str], param: str) -> None:
    """Raise Invalid (code country_unknown) if a code is not a country with phone numbers."""
    unknown = sorted(set(codes) - phonenumbers.SUPPORTED_REGIONS)
    if unknown:
        raise Invalid(f"There is no country with numbers named {unknown[0]!r}.", code="country_unknown", param=param)


# --- The settings ----------------------------------------------------------------------------------------------------

DISCLOSURE: Final = WorkspaceSetting(
    "disclosure",
    "The disclosure that callers hear first, unless their agent has its own text.",
    "admins",
    NO_DISCLOSURE,
    _decode_disclosure,
    _encode_disclosure,
    _check_disclosure,
)
# The kinds are listed in control/redaction/finder.py.
REDACTION: Final[WorkspaceSetting[Sequence[str]]] = WorkspaceSetting(
    "redaction",
    "Kinds of data that are removed from stored calls.",
    "admins",
    (),
    _decode_texts,
    lambda kinds: [kind for kind in KINDS if kind in kinds],
)
# Days by kind, as defined in control/privacy/retention/rules.py. `PUT …/privacy/retention` changes them.
RETENTION: Final[WorkspaceSetting[Mapping[str, int]]] = WorkspaceSetting(
    "retention", "How many days recordings, transcripts and events are kept.", "owners", {}, _decode_days, dict
)
# Enforced by the SQL function authorise_user. `PUT …/sign-in-rules` changes this setting.
SECOND_FACTOR_REQUIRED: Final[WorkspaceSetting[bool]] = WorkspaceSetting(
    "second_factor_required",
    "Members without a second factor may do nothing in the workspace.",
    "owners",
    False,
    lambda stored: stored is True,
    bool,
)
# Two-letter ISO 3166 codes. Evaluated in control/agents/destinations.py.
OUTBOUND_COUNTRIES: Final[WorkspaceSetting[Sequence[str]]] = WorkspaceSetting(
    "outbound_countries",
    "The only countries that calls may go to. Empty if none were set.",
    "staff",
    (),
    _decode_texts,
    lambda countries: sorted(set(countries)),
    lambda countries: require_countries(countries, "outbound_countries"),
)
SETTINGS: Final[tuple[WorkspaceSetting[Any], ...]] = (
    OUTBOUND_COUNTRIES,
    RETENTION,
    REDACTION,
    DISCLOSURE,
    SECOND_FACTOR_REQUIRED,
)
_BY_NAME: Final[Mapping[str, WorkspaceSetting[Any]]] = {setting.name: setting for setting in SETTINGS}


# --- Fields of the settings in the API --------------------------------------------------------------------------------


class AdminSettings(ChangeBody):
    """Settings that admins of the workspace can change."""

    disclosure: DisclosureBody = Field(
        default_factory=lambda: DisclosureBody(mode="off", text=""), description=DISCLOSURE.text
    )
    redaction: list[RedactionKind] = Field(
        [],
        max_length=len(KINDS),
        description="Kinds of data that are removed from stored calls. Empty: nothing is removed.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminSettingsView:
    """Settings that admins of the workspace can change."""

    disclosure: Annotated[DisclosureChoice, Field(description=DISCLOSURE.text)]
    redaction: Annotated[Sequence[str], Field(description=REDACTION.text, examples=[["card_number", "security_code"]])]


Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class StaffSettings(ChangeBody):
    """Settings of a workspace that staff can change."""

    outbound_countries: list[Country] = Field(
        default_factory=list,
        max_length=300,
        description="The only countries that its calls may go to (ISO 3166); an empty list: those of its own numbers, "
        "the United States and Canada.",
        examples=[["DE", "AT"]],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSettingsView:
    """Settings of a workspace that staff can change."""

    outbound_countries: Annotated[Sequence[str], Field(description=OUTBOUND_COUNTRIES.text, examples=[["DE", "AT"]])]
