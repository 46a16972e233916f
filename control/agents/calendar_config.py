"""The calendar in an agent's config: where its tools book, and which times they offer."""

from typing import Final

from pydantic import Field

from control.agents.config_part import ConfigPart
from control.agents.hours_config import OpeningHours

UUID_TEXT: Final = r"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$"
# Where an agent has no opening hours, its calendar has these.
OFFICE_HOURS: Final = OpeningHours.model_validate(
    {
        "weekly": {
            day: [{"opens": "09:00", "closes": "17:00"}]
            for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
        }
    }
)


class AgentCalendar(ConfigPart):
    """How the tools use the connected calendar."""

    integration_id: str = Field(
        default="",
        pattern=UUID_TEXT,
        description="The integration whose calendar is used; empty: the workspace's first one that can be booked in.",
        examples=["01966f4e-7c5a-7d3e-9b1f-3c2a1d4e5f60"],
    )
    appointment_minutes: int = Field(
        default=30, ge=5, le=480, description="How long an appointment takes, in minutes.", examples=[45]
    )
    notice_minutes: int = Field(
        default=60,
        ge=0,
        le=43_200,
        description="The shortest time from now to an appointment, in minutes.",
        examples=[120],
    )
    days_ahead: int = Field(
        default=60, ge=1, le=365, description="How many days ahead appointments are booked.", examples=[30]
    )
    # Left out while it is off: programs of the version before refuse an unknown field.
    changes_need_reference: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="Whether callers cancel and move appointments only by the reference that was told at the booking, "
        "and not by their number, which can be faked.",
        examples=[True],
    )
