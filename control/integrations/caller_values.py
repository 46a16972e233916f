"""Contacts and appointments as values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

AppointmentStatus = Literal["booking", "booked", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom a number belongs to."""

    id: UUID
    name: str
    first_name: str
    company: str


@dataclass(frozen=True, slots=True)
class Appointment:
    """external_id: at the vendor; None before it is made there. starts_at, ends_at: with a zone. reference: told to the
    caller; None of one that no call booked, or before references were told. moves: the appointment that this one is in
    place of. phone: E.164 of whom it is for."""

    id: UUID
    integration_id: UUID
    external_id: str | None
    status: AppointmentStatus
    title: str
    starts_at: datetime
    ends_at: datetime
    reference: str | None = None
    moves: UUID | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose appointments may be changed. phone: E.164 of the call. reference: told by the caller; it alone counts."""

    phone: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class NewAppointment:
    """An appointment that a call books. phone: E.164 of whom it is for. run_id: of the tool, within the call.
    calendar_key: as of ActiveConnection. reference: digits by which the caller names it. moves: as of Appointment."""

    workspace_id: UUID
    integration_id: UUID
    title: str
    starts_at: datetime
    ends_at: datetime
    phone: str | None
    call_id: UUID
    run_id: str
    calendar_key: str
    reference: str
    moves: UUID | None = None
