"""Response models of phone numbers and their documents (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.billing.model import CURRENCY
from control.carriers.rules import BundleStatus, CallTarget, OwnedNumber
from control.http.body import Currency, Money
from control.http.fields import Carrier, CreatedAt, Id, WorkspaceId
from control.http.pagination import ListAnswer
from control.numbers.rules import PhoneNumber, Status
from control.regulatory_bundles.rules import RegulatoryBundle


@dataclass(frozen=True, slots=True)
class AccountNumberView:
    """A number of the platform's account at a carrier."""

    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    carrier: Carrier
    carrier_number_id: Annotated[
        str, Field(description="The carrier's id of the number.", examples=["PN0123456789abcdef0123456789abcdef"])
    ]
    target: Annotated[CallTarget, Field(description="Where its calls go: to `us`, `nowhere`, or `elsewhere`.")]
    pending: Annotated[
        str, Field(description="What it waits for before it takes calls; empty when it takes them.", examples=[""])
    ]


@dataclass(frozen=True, slots=True)
class AccountNumberList:
    """Numbers of the account that no workspace has."""

    numbers: Annotated[list[AccountNumberView], Field(description="The numbers.")]
    has_more: Annotated[bool, Field(description="Whether there may be more: name some digits.", examples=[False])]


@dataclass(frozen=True, slots=True)
class ImportedNumberView:
    """A number that was given to a workspace."""

    id: Id
    workspace_id: WorkspaceId
    phone_number: Annotated[str, Field(description="Phone number in E.164.", examples=["+12025550123"])]
    friendly_name: Annotated[str, Field(description="The workspace's own name for the number.", examples=["Main line"])]
    carrier: Carrier
    status: Annotated[Status, Field(description="Status of the number.")]
    country: Annotated[str | None, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    monthly_price: Annotated[
        Money, Field(description="Price a month, in US dollars; 0 if the carrier does not report it.", examples=[1.15])
    ]
    currency: Currency
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class ImportedNumberAnswer:
    """A number."""

    phone_number: Annotated[ImportedNumberView, Field(description="The phone number.")]


@dataclass(frozen=True, slots=True)
class AdminBundleView:
    """A regulatory bundle of a workspace."""

    id: Id
    name: Annotated[str, Field(description="Name that the workspace's members know it by.", examples=["Berlin office"])]
    carrier: Carrier
    carrier_bundle_id: Annotated[
        str, Field(description="The carrier's id of it.", examples=["BU0123456789abcdef0123456789abcdef"])
    ]
    country: Annotated[str, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    number_kind: Annotated[str, Field(description="Kind of the numbers that it is for.", examples=["local"])]
    status: Annotated[BundleStatus, Field(description="Status at the carrier.")]
    valid_until: Annotated[
        datetime | None, Field(description="When the carrier's approval ends (UTC); null without an end.")
    ]
    carrier_address_ids: Annotated[
        list[str],
        Field(
            description="The addresses in it, by the carrier's ids.", examples=[["AD0123456789abcdef0123456789abcdef"]]
        ),
    ]
    checked_at: Annotated[datetime, Field(description="When its status was read at the carrier (UTC).")]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class AdminBundleAnswer:
    """A regulatory bundle."""

    bundle: Annotated[AdminBundleView, Field(description="The regulatory bundle.")]


@dataclass(frozen=True, slots=True)
class AdminBundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: Annotated[list[AdminBundleView], Field(description="The regulatory bundles.")]


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
