"""A campaign and its settings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from control.agents.config_parts import ConfigPart
from control.campaigns.calling_hours import CallingHours
from control.http.body import ONE_LINE, Body, Name
from control.http.pagination import MAX_VERSION, UtcDatetime

CampaignStatus = Literal["draft", "running", "paused", "completed", "canceled"]
# Final statuses.
OVER: Final = ("completed", "canceled")
# What a call does when the phone asks who is calling.
CallScreening = Literal["answer", "end"]
LONGEST_REFERENCE: Final = 200
ExternalRef = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REFERENCE, pattern=ONE_LINE)
]
MOST_NUMBERS: Final = 20
NumberIds = Annotated[list[UUID], Field(max_length=MOST_NUMBERS)]
MOST_ATTEMPTS: Final = 10
MOST_A_DAY: Final = 5
LONGEST_DELAY_MINUTES: Final = 14 * 24 * 60


class RetryRule(ConfigPart):
    """How often a recipient is phoned again after one outcome, and how soon."""

    most: int = Field(
        ge=0, le=MOST_ATTEMPTS - 1, description="Further calls after this outcome; 0: none.", examples=[2]
    )
    delay_minutes: int = Field(
        default=60,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minutes from the end of the attempt to the next one, at least; up to 20160, two weeks.",
    )


class RetryPolicy(ConfigPart):
    """How often a recipient of a campaign is phoned. After `answered`, `unreachable` and `opted_out` no one is phoned
    again."""

    most_attempts: int = Field(
        default=3, ge=1, le=MOST_ATTEMPTS, description="Attempts for each recipient in all, from 1 to 10."
    )
    # Florida allows three calls in 24 hours on the same subject (Florida Statutes 501.616(6)(b)); other laws, such as
    # France's four a month, are kept by most_attempts.
    most_a_day: int = Field(
        default=2, ge=1, le=MOST_A_DAY, description="Attempts for each recipient within any 24 hours, from 1 to 5."
    )
    gap_minutes: int = Field(
        default=30,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minutes between two attempts for a recipient, at least, whatever their outcome.",
    )
    busy: RetryRule = Field(default=RetryRule(most=2, delay_minutes=30), description="The line was busy.")
    no_answer: RetryRule = Field(default=RetryRule(most=2, delay_minutes=240), description="Nobody took the call.")
    machine: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=240), description="A machine answered, and no message was left."
    )
    failed_by_carrier: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=60), description="The carrier could not place the call."
    )
    rejected: RetryRule = Field(default=RetryRule(most=0), description="The recipient declined the call.")
    voicemail_left: RetryRule = Field(default=RetryRule(most=0), description="The message was left on a machine.")


# The only list of the settings. The API's requests and answers, the columns of the table `campaigns`, and the entries
# of the audit log follow from it: their fields have these names. A new setting needs a column in a migration. The file
# of results has those settings that `control/campaigns/service.py` (`_EXPORTED_SETTINGS`) lists.
class CampaignSettings(Body):
    """A campaign's settings."""

    name: Name = Field(description="For people.", examples=["Recall December"])
    agent_id: UUID = Field(description="The agent that calls.")
    agent_version: int | None = Field(
        default=None,
        ge=1,
        le=MAX_VERSION,
        description="The version that calls; null: the current one at each call.",
        examples=[3],
    )
    number_ids: NumberIds = Field(
        default=[], description="Numbers to call from, up to 20; empty: the agent's own, else any of the workspace."
    )
    hours: CallingHours | None = Field(
        default=None,
        description="When recipients may be called, by the clock where each of them is; null: hours that are usual in "
        "the number's country. Who calls answers for the law of the place.",
    )
    retries: RetryPolicy = Field(default=RetryPolicy(), description="How often a recipient is called.")
    calls_per_minute: int = Field(
        default=10, ge=1, le=600, description="Calls that are placed within any minute, at most.", examples=[10]
    )
    most_open_calls: int = Field(
        default=2, ge=1, le=500, description="Calls at the same time, those that ring included.", examples=[2]
    )
    leaves_messages: bool = Field(
        default=False, description="Whether a machine gets the agent's voicemail message; else the call is ended."
    )
    call_screening: CallScreening | None = Field(
        default=None, description="What phones that ask who calls get; null for what the agent says."
    )
    starts_at: UtcDatetime | None = Field(
        default=None,
        description="No call is placed before; null: none is held back.",
        examples=["2026-12-01T08:00:00Z"],
    )
    ends_at: UtcDatetime | None = Field(
        default=None, description="No call is placed after; null: no end.", examples=["2026-12-20T20:00:00Z"]
    )
    external_ref: ExternalRef | None = Field(
        default=None,
        description="Your own text for the campaign, such as its id in your system: one line of up to 200 characters; "
        "several campaigns may have the same; null: none.",
        examples=["recall-2026-12"],
    )


class CampaignFilter(BaseModel):
    """What a list of campaigns is narrowed to: columns, which hold text, with the value that they must have."""

    status: CampaignStatus | None = Field(default=None, description="Only campaigns with this status.")
    external_ref: ExternalRef | None = Field(
        default=None, description="Only campaigns with exactly this `external_ref`.", examples=["recall-2026-12"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign.

    Attributes:
        status_reason: Why the platform paused it or waits with further calls; None: it does not.
    """

    id: UUID
    workspace_id: UUID
    settings: CampaignSettings
    status: CampaignStatus
    status_reason: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_dispatch_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether the campaign places no further calls."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class CampaignWarning:
    """A condition that does not prevent a change of the campaign, but will prevent its start."""

    code: Annotated[str, Field(description="Stable, for programs.", examples=["outbound_not_in_tier"])]
    message: Annotated[str, Field(description="For people.", examples=["This workspace's tier has no outbound calls."])]
