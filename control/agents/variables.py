"""Variables: values that fill an agent's placeholders in one call, in addition to the agent's facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from control.validation import bounded_map
from shared.local_time import format_date, format_moment, to_local, zone_name

# The limits of Stripe's metadata: https://docs.stripe.com/metadata.
MOST_VARIABLES: Final = 50
LONGEST_NAME: Final = 40
LONGEST_VALUE: Final = 500
# Maximum length of a built-in value; a caller's "number" may be an address of any length.
LONGEST_BUILT_IN: Final = 200

VARIABLE_NAME: Final = r"^[a-z][a-z0-9_]{0,39}$"
# A single line, because a line break in a value could begin text that looks like an instruction in the prompt.
_ONE_LINE: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"

VariableName = Annotated[str, StringConstraints(pattern=VARIABLE_NAME)]
VariableValue = Annotated[str, StringConstraints(max_length=LONGEST_VALUE, pattern=_ONE_LINE)]
CallVariables = Annotated[
    dict[VariableName, VariableValue],
    Field(
        max_length=MOST_VARIABLES,
        description="Values of the {placeholders} in the agent's texts for this call, by name: up to 50 "
        "values, each a line of up to 500 characters.",
        examples=[{"customer_name": "Ms Ito"}],
        json_schema_extra={"additionalProperties": False},
    ),
    bounded_map(MOST_VARIABLES, LONGEST_NAME),
]

BUILT_IN: Final = (
    "now", "date", "time", "weekday", "timezone", "caller_number", "called_number", "customer_number", "direction",
    "workspace_name", "agent_name", "contact_name", "contact_first_name", "contact_company",
)  # fmt: skip
# Prefix of values from the contact with the customer's number. They are empty if there is no contact.
CONTACT_PREFIX: Final = "contact_"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """The call for which a plan is created.

    Attributes:
        at: When the plan is created.
        caller: E.164, or another text that the carrier sends ("anonymous", a SIP URI).
        called: E.164, or another text that the carrier sends ("anonymous", a SIP URI).
        variables: The call's own variables.
        contact: Placeholder values of the contact with the customer's number, by name.
        timezone: The workspace's time zone, a name of the IANA database.
        leaves_message: Whether the agent may leave its message on an answering machine.
        call_screening: Overrides the agent's own setting, if set.
    """

    at: datetime
    id: str = ""
    direction: Literal["inbound", "outbound"] = "inbound"
    caller: str = ""
    called: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    contact: Mapping[str, str] = field(default_factory=dict)
    workspace_name: str = ""
    timezone: str = "UTC"
    leaves_message: bool = True
    call_screening: Literal["answer", "end"] | None = None


def built_in_values(call: PlannedCall, agent_name: str) -> dict[str, str]:
    """Return the values of all BUILT_IN placeholders, up to LONGEST_BUILT_IN printable characters each.

    Times are in English and in the workspace's time zone.
    """
    local = to_local(call.at, call.timezone)
    values = {
        "now": format_moment(local),
        "date": format_date(local),
        "time": f"{local:%H:%M}",
        "weekday": f"{local:%A}",
        "timezone": zone_name(local),
        "caller_number": call.caller,
        "called_number": call.called,
        "customer_number": call.called if call.direction == "outbound" else call.caller,
        "direction": call.direction,
        "workspace_name": call.workspace_name,
        "agent_name": agent_name,
        **dict.fromkeys((name for name in BUILT_IN if name.startswith(CONTACT_PREFIX)), ""),
        **call.contact,
    }
    return {name: _one_line(value)[:LONGEST_BUILT_IN] for name, value in values.items()}


def _one_line(text: str) -> str:
    """Return the text without line breaks and control characters, which a carrier's report could contain."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())
