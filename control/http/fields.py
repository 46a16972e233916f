"""Field types with descriptions that the schemas of many nouns share, and conversion of records to answers."""

from dataclasses import fields
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from control.http.body import Money

T = TypeVar("T")

Id = Annotated[UUID, Field(description="Unique id (UUIDv7, so that ids sort by the time of creation).")]
CreatedAt = Annotated[datetime, Field(description="Time of the creation (UTC).")]
UpdatedAt = Annotated[datetime, Field(description="Time of the last change (UTC).")]
WorkspaceId = Annotated[UUID, Field(description="Id of the workspace.")]
CallId = Annotated[UUID, Field(description="Id of the call.")]
AgentId = Annotated[UUID, Field(description="Id of the agent.")]
OptionalAgentId = Annotated[UUID | None, Field(description="Id of the agent. Null if there is none.")]
UserId = Annotated[UUID, Field(description="Id of the user.")]
SessionId = Annotated[UUID, Field(description="Id of the session.")]
TemplateId = Annotated[UUID, Field(description="Id of the template.")]
BundleId = Annotated[UUID, Field(description="Id of the regulatory bundle.")]
CampaignId = Annotated[UUID, Field(description="Id of the campaign.")]
InvoiceId = Annotated[UUID, Field(description="Id of the invoice.")]
Name = Annotated[str, Field(description="Display name.", examples=["Riverside Dental"])]
Email = Annotated[str, Field(description="E-mail address, in lower case.", examples=["ada@example.com"])]
OptionalIndustry = Annotated[
    str | None, Field(description="Identifier of the industry. Null if there is none.", examples=["dental"])
]
TierName = Annotated[str, Field(description="Name of the tier.", examples=["starter"])]
ProviderName = Annotated[str, Field(description="Name of the provider in the catalog.", examples=["groq"])]
Carrier = Annotated[str, Field(description="The carrier.", examples=["twilio"])]
IsTest = Annotated[bool, Field(description="Whether the call is a test call, which is not charged.")]
CallerNumber = Annotated[
    str | None, Field(description="The caller's number in E.164. Null if it was withheld.", examples=["+12025550123"])
]
CallerWithheld = Annotated[
    bool, Field(description="Whether the caller withheld the number. `caller_number` is then null.")
]
CalledNumber = Annotated[
    str | None, Field(description="The called number in E.164. Null if it is unknown.", examples=["+12025550199"])
]
CallStartedAt = Annotated[
    datetime | None,
    Field(description="When an inbound call arrived, or an outbound call was dialed (UTC). Null before."),
]
TotalCalls = Annotated[int, Field(description="Number of calls, without test calls.", examples=[128])]
FirstDay = Annotated[date, Field(description="The first day of the figures.", examples=["2026-11-01"])]
LastDay = Annotated[date, Field(description="The last day of the figures.", examples=["2026-11-26"])]
TotalRevenue = Annotated[
    Money,
    Field(
        description="Billed usage and accrued fees, without tax and before credits, in major units.", examples=[1520.4]
    ),
]


def copy_fields(kind: type[T], *records: object, **others: Any) -> T:
    """Return an answer with the values of the records' attributes of the same names. Values are not checked.

    Args:
        kind: The class of the answer: a dataclass or a model.
        records: The first record with an attribute provides its value.
        others: The values of all other fields.
    """
    for record in records:
        for name in _names_of(kind):  # type: ignore[arg-type]
            if name not in others and hasattr(record, name):
                others[name] = getattr(record, name)
    return kind.model_construct(**others) if issubclass(kind, BaseModel) else kind(**others)


@cache
def _names_of(kind: type[Any]) -> tuple[str, ...]:
    return tuple(kind.model_fields) if issubclass(kind, BaseModel) else tuple(field.name for field in fields(kind))
