"""Response models of regulatory bundles (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.carriers.rules import BundleStatus
from control.http.fields import Carrier, CreatedAt, Id
from control.http.pagination import ListAnswer
from control.regulatory_bundles.rules import RegulatoryBundle, is_usable


@dataclass(frozen=True, slots=True)
class BundleView:
    """Documents about the business that a carrier has, for numbers of one country and kind."""

    id: Id
    name: Annotated[str, Field(description="Name that the workspace's members know it by.", examples=["Berlin office"])]
    carrier: Carrier
    country: Annotated[str, Field(description="Country of the number: ISO 3166, two letters.", examples=["US"])]
    number_kind: Annotated[str, Field(description="`local`, `mobile`, `national`, `toll_free`.", examples=["local"])]
    status: Annotated[BundleStatus, Field(description="Status at the carrier.")]
    is_usable: Annotated[bool, Field(description="Whether numbers can be bought under it.")]
    valid_until: Annotated[datetime | None, Field(description="When the carrier's approval ends; null without an end.")]
    checked_at: Annotated[datetime, Field(description="When its status was read at the carrier (UTC).")]
    created_at: CreatedAt


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """A regulatory bundle."""

    bundle: Annotated[BundleView, Field(description="The regulatory bundle.")]


@dataclass(frozen=True, slots=True)
class BundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: Annotated[list[BundleView], Field(description="The regulatory bundles.")]


def to_view(bundle: RegulatoryBundle, now: datetime) -> BundleView:
    return BundleView(
        id=bundle.id,
        name=bundle.name,
        carrier=bundle.carrier,
        country=bundle.country,
        number_kind=bundle.number_kind,
        status=bundle.status,
        is_usable=is_usable(bundle, now),
        valid_until=bundle.valid_until,
        checked_at=bundle.checked_at,
        created_at=bundle.created_at,
    )
