"""Paths, roles and fields that the routes of billing share."""

from dataclasses import fields
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

from pydantic import Field, StringConstraints

from control.http.access import admin
from control.http.body import Body

BILLING: Final = "/workspaces/{workspaceId}/billing"
ADMIN_BILLING: Final = "/admin/billing"
READERS: Final = admin("finance", "read_only")
WRITERS: Final = admin("finance")
# Some currencies have units that are worth 0.00004 US dollars.
Amount = Annotated[Decimal, Field(gt=0, le=1_000_000_000, decimal_places=3)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
T = TypeVar("T")


class VoidReason(Body):
    """Why it is void, for the staff and the audit log."""

    reason: Annotated[Reason, Field(description="Why, for the staff and the audit log.", examples=["Payment overdue"])]


def copy_fields(view: type[T], source: object, **others: Any) -> T:
    """A view with the source's values under the view's names. others: values that the source does not have."""
    names = (field.name for field in fields(view) if field.name not in others)  # type: ignore[arg-type]
    return view(**{name: getattr(source, name) for name in names}, **others)
