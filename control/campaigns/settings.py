"""The campaign record and its settings."""

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
# How to react when the phone asks who is calling.
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
    """How often and how soon a recipient is called again after a given outcome."""

    most: int = Field(
        ge=0,
        le=MOST_ATTEMPTS - 1,
        description="Maximum number of further calls after this outcome; 0 for none.",
        examples=[2],
    )
    delay_minutes: int = Field(
        default=60,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minimum minutes between the end of the attempt and the next attempt; up to 20160, which "
        "is two weeks.",
    )


class RetryPolicy(ConfigPart):
    """How often a campaign calls a recipient.

    After `answered`, `unreachable` and `opted_out` no further call is made.
    """

    most_attempts: int = Field(
        default=3, ge=1, le=MOST_ATTEMPTS, description="Maximum attempts for each recipient in total, from 1 to 10."
    )
    # Florida allows three calls in 24 hours on one subject (Florida Statutes 501.616(6)(b)). Other laws, such as
    # France's four calls a month, are covered by most_attempts.
    most_a_day: int = Field(
        default=2,
        ge=1,
        le=MOST_A_DAY,
        description="Maximum attempts for each recipient within any 24 hours, from 1 to 5.",
    )
    gap_minutes: int = Field(
        default=30,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minimum minutes between two attempts for a recipient, whatever their outcome.",
    )
    busy: RetryRule = Field(default=RetryRule(most=2, delay_minutes=30), description="Retries after the line was busy.")
    no_answer: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=240), description="Retries after nobody took the call."
    )
    machine: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=240),
        description="Retries after a machine answered and no message was left.",
    )
    failed_by_carrier: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=60), description="Retries after the carrier could not place the call."
    )
    rejected: RetryRule = Field(default=RetryRule(most=0), description="Retries after the recipient declined the call.")
    voicemail_left: RetryRule = Field(
        default=RetryRule(most=0), description="Retries after a message was left on a machine."
    )


# The only list of the settings. The API's requests and answers, the columns of the table `campaigns`, and the entries
# of the audit log derive their fields from it. A new setting needs a column in a migration. The results file contains
# the settings that `control/campaigns/service.py` (`_EXPORTED_SETTINGS`) lists.
class CampaignSettings(Body):
    """The settings of a campaign."""

    name: Name = Field(description="Name of the campaign, for people.", examples=["Recall December"])
    agent_id: UUID = Field(description="Id of the agent that calls.")
    agent_version: int | None = Field(
        default=None,
        ge=1,
        le=MAX_VERSION,
        description="The agent version that calls; null for the current version at each call.",
        examples=[3],
    )
    number_ids: NumberIds = Field(
        default=[],
        description="Numbers to call from, up to 20. If empty, the agent's own number, or else any "
        "number of the workspace.",
    )
    hours: CallingHours | None = Field(
        default=None,
        description="When recipients may be called, in each recipient's local time; null for the usual hours "
        "in the number's country. The caller is responsible for complying with local law.",
    )
    retries: RetryPolicy = Field(default=RetryPolicy(), description="How often a recipient is called.")
    calls_per_minute: int = Field(
        default=10,
        ge=1,
        le=600,
        description="Maximum number of calls that are placed within any minute.",
        examples=[10],
    )
    most_open_calls: int = Field(
        default=2,
        ge=1,
        le=500,
        description="Maximum number of concurrent calls, including ringing calls.",
        examples=[2],
    )
    leaves_messages: bool = Field(
        default=False,
        description="Whether the agent leaves its voicemail message on a machine. Otherwise the call is ended.",
    )
    call_screening: CallScreening | None = Field(
        default=None, description="How to treat phones that ask who is calling; null for the agent's setting."
    )
    starts_at: UtcDatetime | None = Field(
        default=None,
        description="No call is placed before this time (UTC); null for no start time.",
        examples=["2026-12-01T08:00:00Z"],
    )
    ends_at: UtcDatetime | None = Field(
        default=None,
        description="No call is placed after this time (UTC); null for no end time.",
        examples=["2026-12-20T20:00:00Z"],
    )
    external_ref: ExternalRef | None = Field(
        default=None,
        description="Your own text for the campaign, such as its id in your system: a line of up to 200 "
        "characters. Several campaigns may have an equal text; null for none.",
        examples=["recall-2026-12"],
    )


class CampaignFilter(BaseModel):
    """Filters for a list of campaigns. Each field is a column, whose value must be equal."""

    status: CampaignStatus | None = Field(default=None, description="Return only campaigns with this status.")
    external_ref: ExternalRef | None = Field(
        default=None, description="Return only campaigns with exactly this `external_ref`.", examples=["recall-2026-12"]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign of a workspace.

    Attributes:
        status_reason: Why the platform paused the campaign or delays further calls; None if it does not.
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
        """Return whether the campaign places no further calls."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class CampaignWarning:
    """A condition that does not prevent a change of the campaign, but will prevent its start."""

    code: Annotated[str, Field(description="Stable code, for programs.", examples=["outbound_not_in_tier"])]
    message: Annotated[
        str, Field(description="Message for people.", examples=["This workspace's tier has no outbound calls."])
    ]
