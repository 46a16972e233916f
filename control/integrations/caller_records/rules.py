"""Contacts and appointments, and functions that read them from vendor records. Pure functions.

Values are cleaned and bounded, and phone numbers are converted to E.164.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

import phonenumbers

from control.integrations.actions.rules import Scalar, VendorRecord

# -- Values --


@dataclass(frozen=True, slots=True)
class Contact:
    """The person with a given phone number."""

    id: UUID
    name: str
    first_name: str
    company: str


AppointmentStatus = Literal["booking", "booked", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment, booked by a call or copied from a calendar.

    Attributes:
        external_id: The vendor's id. None until the vendor has created the appointment.
        starts_at: Timezone-aware.
        ends_at: Timezone-aware.
        reference: Digits that the caller received. None if no call booked the appointment, or if the booking predates
            references.
        moves: The appointment that this appointment replaces.
        phone: The customer's number in E.164.
    """

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
    """A caller who changes appointments.

    Attributes:
        phone: The caller's number in E.164.
        reference: The reference that the caller stated. If set, appointments are found by reference instead of phone.
    """

    phone: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class NewAppointment:
    """An appointment that a call books.

    Attributes:
        phone: The customer's number in E.164.
        run_id: Id of the tool run within the call.
        calendar_key: See `ActiveConnection.calendar_key`.
        reference: Digits by which the caller can name the appointment.
        moves: The appointment that this appointment replaces.
    """

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


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A contact read from a vendor record.

    Attributes:
        phone: E.164. None if the number is invalid.
        mobile_phone: E.164. None if the number is invalid.
    """

    external_id: str
    name: str
    first_name: str
    company: str
    email: str
    phone: str | None
    mobile_phone: str | None


@dataclass(frozen=True, slots=True)
class AppointmentRecord:
    """An appointment read from a vendor record.

    Attributes:
        starts_at: Timezone-aware.
        ends_at: Timezone-aware.
    """

    external_id: str
    title: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SyncedRecords:
    """The records of one page.

    Attributes:
        deleted: Ids of deleted records.
        skipped: Number of unusable records.
    """

    contacts: list[ContactRecord]
    appointments: list[AppointmentRecord]
    deleted: list[str]
    skipped: int


# -- Reading vendor records --

LONGEST_NAME: Final = 80
LONGEST_ID: Final = 300
_DELETED: Final = frozenset({"true", "1", "yes", "cancelled", "canceled", "deleted", "archived"})
# Names are spoken to callers and inserted into the prompt, so only letters, digits and these marks are kept.
_NAME_MARKS: Final = frozenset(" .,'\u2019-&/()")
_REGION: Final = re.compile(r"^[A-Z]{2}$")


def read_contacts(records: Iterable[VendorRecord], region: str) -> SyncedRecords:
    """Return the contacts of a page. If two records share an id, the last record is used.

    Args:
        region: ISO 3166 code of the country for numbers without a country code. Empty if there is no default country.
    """
    found: dict[str, ContactRecord] = {}
    deleted, skipped = set(), 0
    for record in records:
        external_id = _id(record)
        if not external_id:
            skipped += 1
        elif is_deleted(record):
            deleted.add(external_id)
        else:
            found[external_id] = _contact(external_id, record, region)
    return SyncedRecords(list(found.values()), [], sorted(deleted - found.keys()), skipped)


def read_appointments(records: Iterable[VendorRecord], since: datetime) -> SyncedRecords:
    """Return the appointments of a page. If two records share an id, the last record is used.

    Skips records without a time of day, such as all-day events, and records that ended before `since`.
    """
    found: dict[str, AppointmentRecord] = {}
    deleted, skipped = set(), 0
    for record in records:
        external_id = _id(record)
        starts_at, ends_at = parse_moment(record.get("starts_at")), parse_moment(record.get("ends_at"))
        if external_id and is_deleted(record):
            deleted.add(external_id)
        elif not external_id or starts_at is None or ends_at is None or starts_at >= ends_at or ends_at < since:
            skipped += 1
        else:
            title = clean_name(record.get("title"))
            found[external_id] = AppointmentRecord(external_id, title, starts_at, ends_at)
    return SyncedRecords([], list(found.values()), sorted(deleted - found.keys()), skipped)


def _contact(external_id: str, record: VendorRecord, region: str) -> ContactRecord:
    first, last = clean_name(record.get("first_name")), clean_name(record.get("last_name"))
    name = clean_name(record.get("name")) or f"{first} {last}".strip()
    email = str(record.get("email") or "")[:LONGEST_ID]
    return ContactRecord(
        external_id=external_id,
        name=name[:LONGEST_NAME],
        first_name=first,
        company=clean_name(record.get("company")),
        email=email if email.isprintable() and " " not in email else "",
        phone=normalize_phone(record.get("phone"), region),
        mobile_phone=normalize_phone(record.get("mobile_phone"), region),
    )


def _id(record: VendorRecord) -> str:
    value = record.get("external_id")
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= LONGEST_ID else ""


def is_deleted(record: VendorRecord) -> bool:
    """Return whether the record is marked as deleted."""
    return any(str(record.get(name) or "").lower() in _DELETED for name in ("deleted", "status"))


def clean_name(value: Scalar) -> str:
    """Return the name as one line of letters, digits and `_NAME_MARKS`, up to LONGEST_NAME characters.

    The result cannot contain markup or line breaks.
    """
    text = unicodedata.normalize("NFC", str(value)) if isinstance(value, str) else ""
    kept = (mark if mark.isalnum() or mark in _NAME_MARKS or unicodedata.combining(mark) else " " for mark in text)
    return " ".join("".join(kept).split())[:LONGEST_NAME].strip()


def normalize_phone(value: Scalar, region: str) -> str | None:
    """Return the number in E.164, or None if it is invalid."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    try:
        parsed = phonenumbers.parse(str(value)[:60], region if _REGION.match(region) else None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    text: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return text


def parse_moment(value: Scalar) -> datetime | None:
    """Parse an RFC 3339 time with an offset and return it in UTC, or None if it is invalid.

    UTC, because PostgreSQL cannot read offsets of 16 hours or more.
    """
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not 2000 < moment.year < 2200:
        return None
    return moment.astimezone(UTC)
