"""Records of regulatory bundles."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.carriers.rules import BundleStatus


@dataclass(frozen=True, slots=True)
class RegulatoryBundle:
    """Documents about a business at a carrier, linked to a workspace.

    Attributes:
        checked_at: When the status was last read from the carrier.
    """

    id: UUID
    workspace_id: UUID
    carrier: str
    carrier_bundle_id: str
    name: str
    country: str
    number_kind: str
    status: BundleStatus
    valid_until: datetime | None
    carrier_address_ids: tuple[str, ...]
    created_at: datetime
    checked_at: datetime


# Telnyx reviews the documents of each order, whether or not their group was approved before (docs:
# numbers/phone-numbers/requirement-groups).
_USABLE: Final = {"twilio": ("approved",), "telnyx": ("approved", "in_review", "draft")}


def is_usable(bundle: RegulatoryBundle, now: datetime) -> bool:
    """Return whether the carrier sells numbers under the bundle."""
    is_valid = bundle.valid_until is None or bundle.valid_until > now
    return is_valid and bundle.status in _USABLE.get(bundle.carrier, ())
