"""Properties that schemas of many nouns have: ids, times, pages, money."""

from typing import Final

from control.http.api_reference import PropertyText as Text

COMMON: Final = {
    "id": Text("Unique id (UUIDv7, so that ids sort by the time of creation)."),
    "name": Text("Name, as people see it.", "Riverside Dental"),
    "status": Text("Present status."),
    "description": Text("What it is for.", "Answers calls of a dental practice and takes messages."),
    "created_at": Text("When it was created (UTC)."),
    "updated_at": Text("When it was last changed (UTC)."),
    "deleted_at": Text("When it was deleted (UTC); null while it is not.", "2026-11-26T09:30:00Z"),
    "created_by": Text("Id of the user who created it; null if that account is deleted, or it was no user."),
    "total": Text("Rows that match, on all pages.", 42),
    "page": Text("This page, counted from 1.", 1),
    "limit": Text("Rows per page.", 50),
    "has_more": Text("Whether more rows follow."),
    "currency": Text("Currency of the amounts beside it: ISO 4217, lower case.", "usd"),
    "metadata": Text("Values of the customer's own, by name; returned as they were sent.", {"order_id": "4711"}),
    "workspace": Text("The workspace."),
    "workspace_id": Text("Id of the workspace."),
    "workspace_name": Text("Name of the workspace.", "Riverside Dental"),
    "user_id": Text("Id of the user."),
    "agent_id": Text("Id of the agent; null for none."),
    "agent_name": Text("Name of the agent; null for none.", "Front desk"),
    "call_id": Text("Id of the call."),
    "number_id": Text("Id of the phone number."),
    "phone_number_id": Text("Id of the workspace's phone number; null for none."),
    "template_id": Text("Id of the template; null for none."),
    "invitation_id": Text("Id of the invitation."),
    "phone_number": Text("Phone number in E.164.", "+12025550123"),
    "code": Text("Stable, for programs.", "invalid"),
    "message": Text("For people.", "name must not be empty."),
    "param": Text("The field that it is about, dotted.", "config.greeting"),
    "ErrorDetail.param": Text("The field, dotted; null where no field is at fault.", "config.greeting"),
    "reason": Text("Why, for the staff and the audit log.", "Payment overdue"),
    "version": Text("Version number, counted from 1.", 3),
    "country": Text("Country of the number: ISO 3166, two letters.", "US"),
    "total_calls": Text("Number of calls, without test calls.", 128),
    "warnings": Text("What should be known, though it does not keep the agent from answering."),
}
