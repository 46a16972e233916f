"""Response models of phone numbers and their documents (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.billing.model import CURRENCY
from control.carriers.model import BundleStatus, CallTarget, OwnedNumber
from control.http.body import Currency, Money
from control.http.pagination import ListAnswer
from control.numbers.model import PhoneNumber, RegulatoryBundle, Status


@dataclass(frozen=True, slots=True)
class AccountNumberView:
    """A number of the platform's account at a carrier. target: where its calls go: to `us`, `nowhere`, or `elsewhere`.
    pending: what it waits for before it takes calls; empty when it takes them."""

    phone_number: str
    carrier: str
    carrier_number_id: str
    target: CallTarget
    pending: str


@dataclass(frozen=True, slots=True)
class AccountNumberList:
    """Numbers of the account that no workspace has."""

    numbers: list[AccountNumberView]
    has_more: Annotated[bool, Field(description="Whether there may be more: name some digits.", examples=[False])]


@dataclass(frozen=True, slots=True)
class ImportedNumberView:
    """A number that was given to a workspace. monthly_price: price a month, in US dollars; 0 if the carrier does not
    report it."""

    id: UUID
    workspace_id: UUID
    phone_number: str
    friendly_name: str
    carrier: str
    status: Status
    country: str | None
    monthly_price: Money
    currency: Currency
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ImportedNumberAnswer:
    """A number."""

    phone_number: ImportedNumberView


@dataclass(frozen=True, slots=True)
class AdminBundleView:
    """A regulatory bundle of a workspace. carrier_bundle_id: the carrier's id of it. status: as the carrier reported it
    at `checked_at`. carrier_address_ids: the addresses in it, by the carrier's ids."""

    id: UUID
    name: str
    carrier: str
    carrier_bundle_id: str
    country: str
    number_kind: str
    status: BundleStatus
    valid_until: datetime | None
    carrier_address_ids: list[str]
    checked_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AdminBundleAnswer:
    """A regulatory bundle."""

    bundle: AdminBundleView


@dataclass(frozen=True, slots=True)
class AdminBundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: list[AdminBundleView]


def to_account_number(carrier: str, owned: OwnedNumber) -> AccountNumberView:
    return AccountNumberView(owned.phone_number, carrier, owned.carrier_number_id, owned.target, owned.pending)


def to_imported(number: PhoneNumber) -> ImportedNumberView:
    return ImportedNumberView(
        id=number.id,
        workspace_id=number.workspace_id,
        phone_number=number.phone_number,
        friendly_name=number.friendly_name,
        carrier=number.carrier,
        status=number.status,
        country=number.country,
        monthly_price=number.monthly_price,
        currency=CURRENCY,
        created_at=number.created_at,
    )


def to_bundle(bundle: RegulatoryBundle) -> AdminBundleView:
    return AdminBundleView(
        id=bundle.id,
        name=bundle.name,
        carrier=bundle.carrier,
        carrier_bundle_id=bundle.carrier_bundle_id,
        country=bundle.country,
        number_kind=bundle.number_kind,
        status=bundle.status,
        valid_until=bundle.valid_until,
        carrier_address_ids=list(bundle.carrier_address_ids),
        checked_at=bundle.checked_at,
        created_at=bundle.created_at,
    )
