"""Properties of accounts, sessions, workspaces, members and invitations."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_TOKEN: Final = "kq3V0mJb7cQh0mX2t9yWf1s8Zr4pLd6uE5nGaTiB"

ACCOUNTS: Final = {
    "email": Text("E-mail address, in lower case.", "ada@example.com"),
    "password": Text("The account's password; a new one has 10 to 128 characters.", "correct horse battery"),
    "new_password": Text("The new password, 10 to 128 characters.", "correct horse battery"),
    "token": Text(
        "Access token: send it as `Authorization: Bearer …`.", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln"
    ),
    "LetterToken.token": Text("The token of an e-mail's link, after `token=`.", _TOKEN),
    "NewPassword.token": Text("The token of an e-mail's link, after `token=`.", _TOKEN),
    "InvitedAccount.token": Text("The token of the invitation's link, after `token=`.", _TOKEN),
    "refresh_token": Text("Exchanged once for the next tokens, by the refresh endpoint.", _TOKEN),
    "device_token": Text(
        "Sent at this client's next sign-in, it spares the client from waits that others' failures cause.",
        "q2dWd0V1c2tYb3pRZm5hYwAAAABpJ8bQm3o0aHl5dXJ6Z2t4dHZwZHNqcW9uYWxlYndpY2hmbXQ",
    ),
    "expires_in": Text("Seconds for which `token` is valid.", 600),
    "user": Text("The user."),
    "is_verified": Text("Whether the e-mail address is confirmed."),
    "NewAccount.name": Text("The person's name.", "Ada Lovelace"),
    "InvitedAccount.name": Text("The person's name.", "Ada Lovelace"),
    "Me.name": Text("The person's name.", "Ada Lovelace"),
    "Member.name": Text("The person's name.", "Ada Lovelace"),
    "Staff.name": Text("The person's name.", "Grace Hopper"),
    "OwnerView.name": Text("The person's name.", "Ada Lovelace"),
    "UserSummary.name": Text("The person's name.", "Ada Lovelace"),
    "UserDetail.name": Text("The person's name.", "Ada Lovelace"),
    "UserChange.name": Text("The person's new name.", "Ada Lovelace"),
    "workspaces": Text("The workspaces that the user is a member of."),
    "role": Text("Role in the workspace; each role may do what those after it in the list may."),
    "Staff.role": Text("Role on the platform."),
    "UserWorkspace.role": Text("Role in the workspace.", "owner"),
    "joined_at": Text("When the user became a member (UTC)."),
    "industry": Text("Industry, for programs; null for none.", "dental"),
    "timezone": Text("Time zone of the workspace: a name of the IANA database.", "Europe/Berlin"),
    "subscription_tier": Text("Name of the tier.", "starter"),
    "trial_ends_at": Text("End of the current or past trial (UTC); null without one."),
    "suspended_at": Text("When it was suspended (UTC); null while it is not."),
    "WorkspaceView.disclosure": Text("What callers are told before anything else, where their agent has no text."),
    "WorkspaceChange.disclosure": Text("What callers are told before anything else, where their agent has no text."),
    "DisclosureChoice.mode": Text(
        "off: nothing. by_jurisdiction: our text, where a law is known that demands it. text: the workspace's own.",
        "by_jurisdiction",
    ),
    "DisclosureChoice.text": Text("The workspace's own text; empty but for the mode `text`.", ""),
    "DisclosureBody.mode": Text("Whose text callers hear.", "text"),
    "DisclosureBody.text": Text("The text, up to 500 characters.", "You are speaking with our AI assistant."),
    "redaction": Text(
        "What is left out of transcripts, events, messages and recordings of calls: card_number, security_code, "
        "national_id, email.",
        ["card_number", "security_code"],
    ),
    "suspension_cause": Text("Why it is suspended; null while it is not."),
    "members": Text("The workspace's members."),
    "member": Text("The member."),
    "subscription": Text("The workspace's tier, usage and limits."),
    "tier": Text("The tier."),
    "SubscriptionView.tier": Text("Name of the tier.", "starter"),
    "usage": Text("What is used of the tier's limits."),
    "limits": Text("The tier's limits."),
    "UsageView.agents": Text("Number of agents.", 2),
    "UsageView.members": Text("Number of members.", 3),
    "UsageView.invitations": Text("Number of open invitations, which count as members.", 1),
    "UsageView.phone_numbers": Text("Number of phone numbers.", 1),
    "minutes": Text("Minutes of calls in this calendar month (UTC).", 312.5),
    "LimitsView.agents": Text("The most agents.", 5),
    "LimitsView.members": Text("The most members, open invitations included.", 10),
    "LimitsView.phone_numbers": Text("The most phone numbers.", 5),
    "concurrent_calls": Text("The most calls at the same time.", 10),
    "included_minutes": Text("Minutes a month that the monthly fee includes.", 500),
    "invitation": Text("The invitation."),
    "invitations": Text("Open invitations, expired ones included."),
    "invited_by": Text("Id of the user who sent the invitation; null if that account is deleted."),
    "expires_at": Text("When the link becomes invalid (UTC)."),
    "is_expired": Text("Whether the link is no longer valid; inviting again renews it."),
    "Joined.workspace_id": Text("Id of the workspace that was joined."),
}
