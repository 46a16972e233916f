"""Contacts and appointments as values, and read from records of vendors: cleaned, bounded, numbers in E.164.

Pure functions.
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
    """The person whom a number belongs to."""

    id: UUID
    name: str
    first_name: str
    company: str


AppointmentStatus = Literal["booking", "booked", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment.

    Attributes:
        external_id: The vendor's id; None before the vendor made it.
        starts_at: With a zone.
        ends_at: With a zone.
        reference: Digits that the caller got; None if no call booked it, or before references existed.
        moves: The appointment that this one replaces.
        phone: E.164 of the customer.
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
        phone: E.164 of the call.
        reference: As the caller stated it; it overrides phone.
    """

    phone: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class NewAppointment:
    """An appointment that a call books.

    Attributes:
        phone: E.164 of the customer.
        run_id: Of the tool, within the call.
        calendar_key: As in ActiveConnection.
        reference: Digits by which the caller names it.
        moves: As in Appointment.
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
    """A contact of a vendor.

    Attributes:
        phone, mobile_phone: E.164; None for an invalid number.
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
    """An appointment of a vendor.

    Attributes:
        starts_at, ends_at: With their zones.
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


# -- Read from records of vendors --

LONGEST_NAME: Final = 80
LONGEST_ID: Final = 300
_DELETED: Final = frozenset({"true", "1", "yes", "cancelled", "canceled", "deleted", "archived"})
# A name is read to callers and is part of the prompt. It keeps letters, digits and these marks.
_NAME_MARKS: Final = frozenset(" .,'\u2019-&/()")
_REGION: Final = re.compile(r"^[A-Z]{2}$")


def read_contacts(records: Iterable[VendorRecord], region: str) -> SyncedRecords:
    """Returns the last of two records of one id counts.

    Args:
        region: ISO 3166 code of the country whose numbers are written without a country code; empty: none.
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
    """As `read_contacts`. Skips records without a time of day, such as whole-day events, and records that ended before
    `since`."""
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
    """Returns whether the record says that it is deleted."""
    return any(str(record.get(name) or "").lower() in _DELETED for name in ("deleted", "status"))


def clean_name(value: Scalar) -> str:
    """One line of letters, digits and a name's marks, up to LONGEST_NAME characters: no text of a vendor's can hold
    markup, or end the line that it stands in."""
    text = unicodedata.normalize("NFC", str(value)) if isinstance(value, str) else ""
    kept = (mark if mark.isalnum() or mark in _NAME_MARKS or unicodedata.combining(mark) else " " for mark in text)
    return " ".join("".join(kept).split())[:LONGEST_NAME].strip()


def normalize_phone(value: Scalar, region: str) -> str | None:
    """Returns the number in E.164; None if it is invalid."""
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
    """RFC 3339 with its zone, in UTC: PostgreSQL reads no offset of 16 hours or more. None for anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not 2000 < moment.year < 2200:
        return None
    return moment.astimezone(UTC)
