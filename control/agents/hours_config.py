"""Opening hours in an agent's config: ranges by weekday, exceptions by date, and how calls outside are answered.

The form is schema.org's OpeningHoursSpecification (`opens`, `closes`; a range that closes before it opens ends on the
next day), with the exceptions of Google's business profiles (`specialHours`).
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from control.agents.config_part import PLAIN, ConfigPart

OPENING: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
CLOSING: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
DATE: Final = r"^(20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?$"
MOST_RANGES: Final = 6
MOST_EXCEPTIONS: Final = 100
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _existing_date(text: str) -> str:
    """Raises ValueError for a date such as 2026-02-30."""
    if text:
        date.fromisoformat(text)
    return text


DateText = Annotated[str, StringConstraints(pattern=DATE), AfterValidator(_existing_date)]


class OpeningRange(ConfigPart):
    """One range of opening hours, by the clock on the wall."""

    opens: str = Field(
        pattern=OPENING,
        description="HH:MM, from 00:00 to 23:59; the range begins with this minute.",
        examples=["09:00"],
    )
    closes: str = Field(
        pattern=CLOSING,
        description="HH:MM, up to 24:00; the first minute that is closed. A time before `opens` is on the next day.",
        examples=["17:30"],
    )

    @property
    def is_overnight(self) -> bool:
        """Whether it ends on the day after it began."""
        return self.closes < self.opens

    @model_validator(mode="after")
    def _not_empty(self) -> "OpeningRange":
        if self.opens == self.closes:
            raise ValueError("opens and closes are the same; a whole day is from 00:00 to 24:00")
        return self


def _apart(ranges: list[OpeningRange]) -> list[OpeningRange]:
    """The ranges in order. Raises ValueError when two ranges of a day overlap."""
    ordered = sorted(ranges, key=lambda one: one.opens)
    for one, following in pairwise(ordered):
        if one.is_overnight or following.opens < one.closes:
            raise ValueError(f"the ranges from {one.opens} and from {following.opens} overlap")
    return ordered


Ranges = Annotated[list[OpeningRange], Field(max_length=MOST_RANGES), AfterValidator(_apart)]


class WeeklyHours(ConfigPart):
    """The ranges that begin on each weekday: up to 6 a day; none means closed."""

    monday: Ranges = Field(default=[], description="Ranges that begin on a Monday.")
    tuesday: Ranges = Field(default=[], description="Ranges that begin on a Tuesday.")
    wednesday: Ranges = Field(default=[], description="Ranges that begin on a Wednesday.")
    thursday: Ranges = Field(default=[], description="Ranges that begin on a Thursday.")
    friday: Ranges = Field(default=[], description="Ranges that begin on a Friday.")
    saturday: Ranges = Field(default=[], description="Ranges that begin on a Saturday.")
    sunday: Ranges = Field(default=[], description="Ranges that begin on a Sunday.")

    def ranges_of(self, weekday: int) -> Sequence[OpeningRange]:
        """weekday: 0 is Monday."""
        ranges: Sequence[OpeningRange] = getattr(self, WEEKDAYS[weekday])
        return ranges


class HoursException(ConfigPart):
    """A date, or several in a row, whose ranges replace those of the weekday: holidays, vacations, open Sundays."""

    date: DateText = Field(min_length=10, description="YYYY-MM-DD, the first day.", examples=["2026-12-24"])
    until: DateText = Field(
        default="", description="YYYY-MM-DD, the last day, included; empty: one day only.", examples=["2026-12-26"]
    )
    ranges: Ranges = Field(default=[], description="Ranges that begin on such a day, up to 6; none: closed.")
    name: str = Field(
        default="", max_length=100, pattern=PLAIN, description="What the agent calls it.", examples=["Christmas"]
    )

    @property
    def last(self) -> str:
        """The last day."""
        return self.until or self.date

    @model_validator(mode="after")
    def _in_order(self) -> "HoursException":
        if self.last < self.date:
            raise ValueError("until is before date")
        return self


def _each_date_once(exceptions: list[HoursException]) -> list[HoursException]:
    """Raises ValueError when two exceptions hold for one date."""
    for one, following in pairwise(sorted(exceptions, key=lambda one: one.date)):
        if following.date <= one.last:
            raise ValueError(f"{following.date} has two exceptions")
    return exceptions


class OpeningHours(ConfigPart):
    """When the business is open, by the clock of the workspace's time zone."""

    weekly: WeeklyHours = Field(default=WeeklyHours(), description="The ranges of an ordinary week.")
    exceptions: Annotated[list[HoursException], AfterValidator(_each_date_once)] = Field(
        default=[], max_length=MOST_EXCEPTIONS, description="Dates with other hours, up to 100; no date twice."
    )

    @model_validator(mode="after")
    def _opens_at_all(self) -> "OpeningHours":
        ranges = [self.weekly.ranges_of(day) for day in range(7)] + [one.ranges for one in self.exceptions]
        if not any(ranges):
            raise ValueError("the business never opens: name a range, or leave the hours out")
        return self


class OutsideHours(ConfigPart):
    """How an inbound call outside the opening hours is answered. Without `hours` it has no effect."""

    action: Literal["answer", "message", "hang_up"] = Field(
        default="answer",
        description="answer: the agent answers, and knows that the business is closed. message: it only takes a "
        "message, by the tool take_message, and transfers nobody. hang_up: `text` is spoken by the carrier's voice, "
        "then the call ends; it is not charged.",
    )
    text: str = Field(
        default="",
        max_length=1_400,
        pattern=PLAIN,
        validate_default=True,
        description="Said in place of the greeting.",
        examples=["We are closed. Please leave a message."],
    )
    instructions: str = Field(
        default="",
        max_length=5_000,
        pattern=PLAIN,
        description="Added to the prompt of such a call; up to 5,000 characters; may hold {placeholders}.",
        examples=["Take a message and promise a call on the next working day."],
    )

    @field_validator("text")
    @classmethod
    def _said_before_hanging_up(cls, text: str, info: ValidationInfo) -> str:
        if info.data.get("action") == "hang_up" and not text.strip():
            raise ValueError("hang_up needs a text, which is said before")
        return text
