"""Effects of an agent's opening hours on a call: the prompt states them, and calls outside the hours are answered
differently.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import ValidationError

from control.agents.config import AgentConfig
from control.agents.config_parts import OpeningHours
from control.agents.hours import LONGEST_DESCRIPTION, describe_hours, is_open
from control.agents.plans.placeholders import fill_placeholders, filled_length, make_values
from control.agents.rules import AgentContent
from control.agents.variables import PlannedCall
from control.messages.tool import TAKE_MESSAGE
from shared.local_time import to_local, zone_name
from shared.plan import LONGEST_GREETING

_MESSAGE_ONLY: Final = (
    "The business is closed. Say so, and offer to take a message. Ask for the caller's name, the number to call back "
    "and what it is about, read the message back, and once the caller agrees call take_message. Never put anybody "
    "through, and never promise a time at which somebody calls back."
)
# Maximum number of characters that the hours add to a prompt, without the agent's own instructions.
LONGEST_ADDITION: Final = LONGEST_DESCRIPTION + len(_MESSAGE_ONLY) + 6  # Three breaks between paragraphs.


@dataclass(frozen=True, slots=True)
class CallMoment:
    """The time at which a call began.

    Attributes:
        at: With its time zone.
        timezone: The workspace's time zone.
        answers: Whether the opening hours decide how the call is answered, or the call is always treated as inside or
            outside of them.
    """

    at: datetime
    timezone: str
    answers: Literal["by_time", "inside", "outside"] = "by_time"

    @property
    def local(self) -> datetime:
        """Return the time by the workspace's clock, without a zone."""
        return to_local(self.at, self.timezone).replace(tzinfo=None)

    @property
    def zone_name(self) -> str:
        """Return the name of the zone of `local`."""
        return zone_name(to_local(self.at, self.timezone))

    def is_outside(self, hours: OpeningHours) -> bool:
        """Return whether the call is answered as outside these hours."""
        return not is_open(hours, self.local) if self.answers == "by_time" else self.answers == "outside"


def adapt_config(config: AgentConfig, moment: CallMoment) -> AgentConfig:
    """Return the config of a call that began at this time. The config of an agent without hours is unchanged."""
    if config.hours is None:
        return config
    is_outside = moment.is_outside(config.hours)
    prompt = [config.prompt, describe_hours(config.hours, moment.local, moment.zone_name)]
    prompt += _instructions(config) if is_outside else []
    changes = _outside_changes(config) if is_outside else {}
    return config.model_copy(update={"prompt": "\n\n".join(filter(None, prompt)), **changes})


def closing_text(content: AgentContent, moment: CallMoment, call: PlannedCall) -> str | None:
    """Return what a caller hears before the call is ended because the business is closed, or None if the agent answers.

    Returns None also for a config that only an older schema allowed.
    """
    stored = content.config
    if not stored.get("hours") or stored.get("outside_hours", {}).get("action") != "hang_up":
        return None
    try:
        config = AgentConfig.model_validate(stored)
    except ValidationError:
        return None
    if config.hours is None or not moment.is_outside(config.hours):
        return None
    text, values = config.outside_hours.text, make_values(config, call, content.name)
    is_short = filled_length(text, {name: len(value) for name, value in values.items()}) <= LONGEST_GREETING
    return fill_placeholders(text, values if is_short else {})


def _outside_changes(config: AgentConfig) -> dict[str, Any]:
    changes: dict[str, Any] = {"greeting": config.outside_hours.text or config.greeting}
    if config.outside_hours.action == "message":
        kept = [name for name in config.tools if name not in ("transfer", TAKE_MESSAGE.name)]
        changes |= {"tools": [*kept, TAKE_MESSAGE.name], "fallback_number": ""}
    return changes


def _instructions(config: AgentConfig) -> list[str]:
    only = [_MESSAGE_ONLY] if config.outside_hours.action == "message" else []
    return [*only, config.outside_hours.instructions]
