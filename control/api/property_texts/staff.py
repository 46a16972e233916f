"""Properties of what only the staff see: sign-in, settings, tiers, users, figures, the audit log."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_CODES: Final = ["k3vq-7ayo-m2fd", "p6tr-2bxe-w9cs"]

STAFF: Final = {
    "admin": Text("The staff member."),
    "Named.name": Text("Its name.", "Riverside Dental"),
    "TotpCode.code": Text("Six digits of an authenticator app.", "492039"),
    "SecondFactor.code": Text("Six digits of an authenticator app.", "492039"),
    "totp_code": Text("Six digits of an authenticator app.", "492039"),
    "recovery_code": Text("A one-time recovery code.", "k3vq-7ayo-m2fd"),
    "secret": Text(
        "The secret, for an authenticator app that cannot read the QR code.", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    ),
    "otpauth_uri": Text(
        "The content of a QR code for an authenticator app.",
        "otpauth://totp/Vocalized:grace@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Vocalized",
    ),
    "recovery_codes": Text("Ten one-time codes for a sign-in without the app; shown only here.", _CODES),
    "digits": Text("Digits of a code."),
    "period": Text("Seconds for which a code is shown."),
    "media_node": Text("The media node that runs or ran the call; null before.", "media-7f9c"),
    "has_recording": Text("Whether there is a recording."),
    "details": Text("Other recorded facts.", {"answered_by": "human"}),
    "LogLine.details": Text(
        "Values before and after and the reason, with secrets masked.",
        {"before": {"status": "draft"}, "after": {"status": "live"}},
    ),
    "settings": Text("The settings."),
    "key": Text("Name of the setting.", "trial_days"),
    "value": Text("Value of the setting, of the type that the setting has.", 14),
    "SettingView.description": Text("What the setting does, with its unit.", "Days of a new workspace's trial."),
    "tiers": Text("The tiers."),
    "tier_name": Text("Name of the tier, for programs.", "starter"),
    "display_name": Text("Name of the tier, for people.", "Starter"),
    "monthly_fee": Text("Price of a month, in major units.", 49.0),
    "price_per_minute": Text("Price of a minute beyond the included ones, in major units.", 0.12),
    "max_agents": Text("The most agents of a workspace.", 5),
    "max_members": Text("The most members of a workspace, open invitations included.", 10),
    "max_phone_numbers": Text("The most phone numbers of a workspace.", 5),
    "max_concurrent_calls": Text("The most calls of a workspace at the same time.", 10),
    "features": Text("Features of the tier beyond its limits, by name.", {"outbound_calls": True}),
    "is_available": Text("Whether the tier may be chosen for a workspace."),
    "position": Text("Position in the price list, ascending.", 1),
    "stripe_price_id": Text("Id of the price at Stripe; null for none.", "price_1Pq2Rs3Tu4Vw5Xy6"),
    "AdminWorkspaceList.workspaces": Text("The workspaces."),
    "total_workspaces": Text("Number of workspaces.", 120),
    "active_workspaces": Text("Number of workspaces with the status `active`: neither on trial nor suspended.", 112),
    "total_calls_today": Text("Number of calls today (UTC).", 340),
    "total_calls_month": Text("Number of calls in this calendar month (UTC).", 8_123),
    "total_revenue_month": Text("Billed usage and accrued fees of this calendar month (UTC), in major units.", 1_520.4),
    "total_revenue": Text("Billed usage and accrued fees, without tax and before credits, in major units.", 1_520.4),
    "mrr": Text("Monthly recurring revenue: the fees of all active workspaces, in major units.", 5_390.0),
    "arr": Text("Annual recurring revenue: twelve times `mrr`, in major units.", 64_680.0),
    "churn_rate": Text(
        "Share of the workspaces active at the period's start that no longer are, 0 to 1; null if there were none.",
        0.02,
    ),
    "revenue_by_tier": Text("Revenue by name of the tier, in major units.", {"starter": 980.0, "pro": 540.4}),
    "active_agents": Text("Number of live agents.", 3),
    "provider_health_summary": Text(
        "Numbers of enabled providers by health.", {"healthy": 5, "degraded": 1, "down": 0, "unknown": 2}
    ),
    "total_minutes": Text("Minutes of all calls, without test calls.", 12_840.5),
    "calls_by_provider": Text("Number of calls by provider.", {"groq": 310, "cartesia": 305}),
    "avg_call_duration": Text("Seconds of a call, on average; unanswered ones included.", 94.8),
    "peak_hours": Text("Hours with calls, the busiest first."),
    "hour": Text("Hour of the day (UTC), 0 to 23.", 14),
    "HourView.calls": Text("Number of calls that began in this hour.", 57),
    "logs": Text("The entries of the audit log."),
    "actor": Text("Who acted.", "admin"),
    "actor_id": Text("Id of who acted, of the API key for one; null for the system."),
    "actor_email": Text(
        "E-mail address of who acted, of its holder for an API key; null for the system.", "grace@example.com"
    ),
    "admin_email": Text("E-mail address of the staff member who acted; null for others.", "grace@example.com"),
    "action": Text("What was done.", "workspace.suspend"),
    "LogLine.resource_type": Text("Kind of what it was done to.", "workspace"),
    "resource_id": Text("Id of what it was done to.", "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"),
    "request_id": Text("Id of the request; null for none.", "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b61"),
    "users": Text("The users."),
    "workspaces_count": Text("Number of the user's workspaces.", 2),
    "is_active": Text("Whether the user may sign in; false: deactivated."),
    "last_login": Text("When the user last signed in (UTC); null if never."),
    "owner": Text("The owner with the oldest membership; null if all owners' accounts are deleted."),
    "owner_email": Text("E-mail address of the owner with the oldest membership; null for none.", "ada@example.com"),
    "status_before": Text("The status after a suspension; null while it is not suspended."),
    "outbound_countries": Text(
        "The only countries that calls may go to (ISO 3166); empty: those of the workspace's own numbers, the United "
        "States and Canada.",
        ["DE", "AT"],
    ),
    "suspended_why": Text("The reason of the suspension, for the staff; null for none.", "Payment overdue"),
    "purge_after": Text("Until then a deleted workspace can be restored (UTC); null while it is not deleted."),
}
