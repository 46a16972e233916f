"""Response models of regulatory bundles (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.carriers.model import BundleStatus
from control.http.pagination import ListAnswer
from control.numbers.holder_choice import is_usable
from control.numbers.model import RegulatoryBundle


@dataclass(frozen=True, slots=True)
class BundleView:
    """Documents about the business that a carrier has, for numbers of one country and kind. number_kind: `local`,
    `mobile`, `national`, `toll_free`. status: as the carrier reported it at `checked_at`. is_usable: whether numbers
    can be bought under it. valid_until: when the carrier's approval ends; null without an end."""

    id: UUID
    name: str
    carrier: str
    country: str
    number_kind: str
    status: BundleStatus
    is_usable: bool
    valid_until: datetime | None
    checked_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """A regulatory bundle."""

    bundle: BundleView


@dataclass(frozen=True, slots=True)
class BundleList(ListAnswer):
    """A page of regulatory bundles, newest first."""

    bundles: list[BundleView]


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
