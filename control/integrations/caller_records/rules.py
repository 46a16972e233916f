"""Contacts and appointments as values, and read from records of vendors: cleaned, bounded, numbers in E.164. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

import phonenumbers

from control.integrations.actions.rules import Scalar, VendorRecord

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


LONGEST_NAME: Final = 80
LONGEST_ID: Final = 300
_DELETED: Final = frozenset({"true", "1", "yes", "cancelled", "canceled", "deleted", "archived"})
# A name is read to callers and stands in the prompt: letters, digits, and what names hold besides.
_NAME_MARKS: Final = frozenset(" .,'\u2019-&/()")
_REGION: Final = re.compile(r"^[A-Z]{2}$")


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """phone, mobile_phone: E.164; None for what is no valid number."""

    external_id: str
    name: str
    first_name: str
    company: str
    email: str
    phone: str | None
    mobile_phone: str | None


@dataclass(frozen=True, slots=True)
class AppointmentRecord:
    """starts_at, ends_at: with their zones."""

    external_id: str
    title: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class SyncedRecords:
    """What one page holds. deleted: ids of records that are gone. skipped: how many cannot be used."""

    contacts: list[ContactRecord]
    appointments: list[AppointmentRecord]
    deleted: list[str]
    skipped: int


def read_contacts(records: Iterable[VendorRecord], region: str) -> SyncedRecords:
    """The last of two records of one id counts. region: ISO 3166 code of the country whose numbers are written without
    a country code; empty: none."""
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
    """As `read_contacts`. One without a time of day, such as an event of a whole day, is skipped, and one that ended
    before `since`."""
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


def clean_name(value: Scalar) -> str:
    """One line of letters, digits and a name's marks, up to LONGEST_NAME characters: no text of a vendor's can hold
    markup, or end the line that it stands in."""
    text = unicodedata.normalize("NFC", str(value)) if isinstance(value, str) else ""
    kept = (one if one.isalnum() or one in _NAME_MARKS or unicodedata.combining(one) else " " for one in text)
    return " ".join("".join(kept).split())[:LONGEST_NAME].strip()


def normalise_phone(value: Scalar, region: str) -> str | None:
    """The number in E.164; None for what is no valid number."""
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


def is_deleted(record: VendorRecord) -> bool:
    """Whether the record says that it is gone."""
    return any(str(record.get(name) or "").lower() in _DELETED for name in ("deleted", "status"))


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
        phone=normalise_phone(record.get("phone"), region),
        mobile_phone=normalise_phone(record.get("mobile_phone"), region),
    )


def _id(record: VendorRecord) -> str:
    value = record.get("external_id")
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= LONGEST_ID else ""
