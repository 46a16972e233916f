"""The recipients of a campaign, the calls to them, and the validation of rows that are added as recipients."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError

from control.agents.destinations import parse_destination
from control.agents.variables import CallVariables
from control.campaigns.calling_hours import time_zones_of
from control.campaigns.settings import LONGEST_REFERENCE
from control.validation import list_faults
from control.workspaces.rules import timezone_names
from shared.errors import ErrorDetail, Invalid

AttemptOutcome = Literal[
    "answered", "voicemail_left", "machine", "busy", "no_answer", "failed_by_carrier", "rejected", "unreachable",
    "opted_out",
]  # fmt: skip
# not_dialled: the call ended before it reached the carrier; it does not count as an attempt.
CallOutcome = Literal[AttemptOutcome, "not_dialled"]
RecipientStatus = Literal["pending", "calling", "finished"]
# refused: the platform's rules forbid the call. not_called: the campaign ended first.
RecipientOutcome = Literal[CallOutcome, "refused", "not_called"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRecipient:
    """A number that a campaign calls.

    Attributes:
        outcome: Outcome of the last attempt, or why there was none.
        detail: A code that explains the outcome.
        attempts: Number of calls that reached the carrier.
        next_attempt_at: No call is placed before this time, while the recipient is pending.
    """

    id: UUID
    workspace_id: UUID
    campaign_id: UUID
    phone_number: str
    variables: Mapping[str, str]
    timezone: str | None
    reference: str | None
    status: RecipientStatus
    outcome: RecipientOutcome | None
    detail: str | None
    attempts: int
    next_attempt_at: datetime
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignCall:
    """A campaign call to place.

    Attributes:
        number_ids: Numbers to call from, by preference; empty for any number.
    """

    workspace_id: UUID
    agent_id: UUID
    agent_version: int | None
    number_ids: Sequence[UUID]
    phone_number: str
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CampaignAttempt:
    """A call to a recipient.

    Attributes:
        finished_at: None until the call has ended.
        outcome: None until the call has ended.
    """

    call_id: UUID
    started_at: datetime
    finished_at: datetime | None
    outcome: CallOutcome | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class CampaignProgress:
    """The progress of a campaign. Its figures are counted at each request."""

    by_status: Annotated[
        Mapping[RecipientStatus, int],
        Field(
            description="Number of recipients by status.", examples=[{"pending": 380, "calling": 2, "finished": 118}]
        ),
    ]
    by_outcome: Annotated[
        Mapping[RecipientOutcome, int],
        Field(
            description="Number of finished recipients by outcome.",
            examples=[{"answered": 90, "voicemail_left": 20, "busy": 8}],
        ),
    ]
    calls: Annotated[int, Field(description="Number of calls so far.", examples=[164])]
    calls_last_hour: Annotated[int, Field(description="Number of calls placed within the last hour.", examples=[120])]
    open_calls: Annotated[int, Field(description="Number of calls that have not ended.", examples=[2])]
    next_call_at: Annotated[
        datetime | None,
        Field(description="When the next recipient may be called (UTC); null if no recipient is waiting."),
    ]
    remaining_seconds: Annotated[
        int | None,
        Field(
            description="Minimum time that the next calls to all waiting recipients take at the campaign's "
            "pace; null if no recipient is waiting.",
            examples=[2280],
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecipient:
    """A number to add to a campaign.

    Attributes:
        place: Position of the row in the request or the file.
        timezone: None for the zones of the number.
        reference: The customer's own reference for the recipient.
    """

    place: int
    phone_number: str
    variables: Mapping[str, str] = field(default_factory=dict)
    timezone: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that was not stored, with its fault.

    Attributes:
        place: Its line in the file, or its position in the request.
        fault: The fault, which names the field.
    """

    place: int
    fault: ErrorDetail


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import.

    Attributes:
        added: Number of stored recipients.
        faults: The faults of all other rows, in order.
        ignored_columns: Columns of the file that were not read.
    """

    added: int
    faults: Sequence[RowFault]
    ignored_columns: Sequence[str] = ()


_CHECKED_VARIABLES: Final[TypeAdapter[dict[str, str]]] = TypeAdapter(CallVariables)
_CHECKED_NUMBER: Final = "phone_number"
# Returns the names of the agent's placeholders that have no value in a row.
FindMissing = Callable[[NewRecipient], Sequence[str]]


def check_rows(rows: Iterable[NewRecipient], find_missing: FindMissing) -> tuple[list[NewRecipient], list[RowFault]]:
    """Split rows into valid recipients, each number once, and faults: one for each other row, in order."""
    good: dict[str, NewRecipient] = {}
    faults: list[RowFault] = []
    for row in rows:
        fault = _find_row_fault(row, find_missing)
        if fault is None and (first := good.get(row.phone_number)) is not None:
            fault = ErrorDetail(_CHECKED_NUMBER, "duplicate", f"is that of row {first.place}, too")
        if fault is None:
            good[row.phone_number] = row
        else:
            faults.append(RowFault(row.place, fault))
    return list(good.values()), faults


def _find_row_fault(row: NewRecipient, find_missing: FindMissing) -> ErrorDetail | None:
    try:
        parse_destination(row.phone_number, _CHECKED_NUMBER)
    except Invalid as fault:
        return ErrorDetail(
            _CHECKED_NUMBER, fault.code, fault.message.removeprefix(f"{_CHECKED_NUMBER} ").removesuffix(".")
        )
    if row.timezone is None and not time_zones_of(row.phone_number):
        text = "is required: the number does not determine where its phone is"
        return ErrorDetail("timezone", "timezone_missing", text)
    if row.timezone is not None and row.timezone not in timezone_names():
        return ErrorDetail("timezone", "timezone_unknown", "must be a name of the IANA database")
    if row.reference is not None and (len(row.reference) > LONGEST_REFERENCE or not row.reference.isprintable()):
        text = f"must be one line of at most {LONGEST_REFERENCE} characters"
        return ErrorDetail("reference", "reference_invalid", text)
    return _find_variable_fault(row, find_missing)


def _find_variable_fault(row: NewRecipient, find_missing: FindMissing) -> ErrorDetail | None:
    try:
        _CHECKED_VARIABLES.validate_python(dict(row.variables))
    except ValidationError as error:
        return list_faults(error, "variables")[0]
    missing = find_missing(row)
    if missing:
        return ErrorDetail(f"variables.{missing[0]}", "variable_missing", "is required by the agent's texts")
    return None
