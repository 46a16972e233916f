"""Path parameters, roles and fields that the routes of billing share."""

from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from control.http.access import admin
from control.http.body import Body

BILLING: Final = "/workspaces/{workspaceId}/billing"
ADMIN_BILLING: Final = "/admin/billing"
READERS: Final = admin("finance", "read_only")
WRITERS: Final = admin("finance")
# A unit of some currencies is worth 0.00004 US dollars.
Amount = Annotated[Decimal, Field(gt=0, le=1_000_000_000, decimal_places=3)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class VoidReason(Body):
    """The reason for voiding."""

    reason: Annotated[
        Reason, Field(description="The reason, for staff and the audit log.", examples=["Payment overdue"])
    ]
