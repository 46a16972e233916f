"""Properties of campaigns and their recipients."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_WHEN: Final = "2026-11-26T09:30:00Z"

CAMPAIGNS: Final = {
    "campaign_id": Text("Id of the campaign."),
    "recipient_id": Text("Id of the recipient."),
    "campaign": Text("The campaign."),
    "campaigns": Text("The campaigns, newest first."),
    "CampaignView.name": Text("For people.", "Recall December"),
    "CampaignView.status": Text("draft, running, paused, completed or canceled.", "running"),
    "status_reason": Text(
        "Why the platform paused or ended it, or waits with further calls: a code such as spend_limit_reached; null: "
        "it does not.",
        "spend_limit_reached",
    ),
    "CampaignView.agent_id": Text("Id of the agent that calls."),
    "CampaignView.agent_version": Text("The version that calls; null: the current one at each call.", 3),
    "number_ids": Text("Ids of the numbers to call from; empty: any.", []),
    "CampaignView.hours": Text("When recipients may be called; null: usual hours of the number's country."),
    "retries": Text("How often a recipient is called."),
    "calls_per_minute": Text("Calls that are placed within any minute, at most.", 10),
    "most_open_calls": Text("Calls at the same time, those that ring included.", 2),
    "CampaignView.call_screening": Text("What phones that ask who calls get; null for what the agent says.", "end"),
    "CampaignBody.call_screening": Text("What phones that ask who calls get.", "end"),
    "leaves_messages": Text("Whether a machine gets the agent's voicemail message.", False),
    "CampaignView.starts_at": Text("No call is placed before; null: none is held back.", _WHEN),
    "CampaignView.ends_at": Text("No call is placed after; null: no end.", "2026-12-20T20:00:00Z"),
    "CampaignView.started_at": Text("When it was started first; null: it was not.", _WHEN),
    "CampaignView.finished_at": Text("When it was completed or canceled; null: it is not over.", _WHEN),
    "CallingHours.blackout_dates": Text("Dates (YYYY-MM-DD) without any call, such as holidays.", ["2026-12-25"]),
    "RetryRule.most": Text("Further calls after this outcome; 0: none.", 2),
    "CampaignAnswer.warnings": Text("What keeps the campaign from starting; empty: nothing is known.", []),
    "RecipientImportAnswer.warnings": Text("What keeps the campaign from starting; empty: nothing is known.", []),
    "CampaignWarning.code": Text("Stable, for programs.", "outbound_not_in_tier"),
    "CampaignWarning.message": Text("For people.", "This workspace's tier has no outbound calls."),
    "progress": Text("How far the campaign is."),
    "by_status": Text("Recipients by status.", {"pending": 380, "calling": 2, "finished": 118}),
    "by_outcome": Text("Finished recipients by outcome.", {"answered": 90, "voicemail_left": 20, "busy": 8}),
    "CampaignProgressView.calls": Text("Calls so far.", 164),
    "calls_last_hour": Text("Calls that were placed within the last hour.", 120),
    "open_calls": Text("Calls that are not over.", 2),
    "next_call_at": Text("When the next recipient may be called; null: nobody waits.", _WHEN),
    "remaining_seconds": Text(
        "How long the next calls to all waiting recipients take at the pace, at least; null: nobody waits.", 2_280
    ),
    "recipient": Text("The recipient."),
    "recipients": Text("The recipients, in the order in which they were added."),
    "RecipientView.reference": Text("Your own name of the recipient; null: none.", "patient-4711"),
    "RecipientView.phone_number": Text("E.164.", "+14155550123"),
    "RecipientView.variables": Text("Values for the agent's placeholders.", {"customer_name": "Ms Ito"}),
    "RecipientView.timezone": Text("Where the phone is; null: the zones of the number.", "Europe/Paris"),
    "RecipientView.status": Text("pending, calling or finished.", "pending"),
    "RecipientView.outcome": Text(
        "Of the last call: answered, voicemail_left, machine, busy, no_answer, failed_by_carrier, rejected, "
        "unreachable, opted_out or not_dialled; refused: the platform does not call this number; not_called: the "
        "campaign ended first; null: not called yet.",
        "no_answer",
    ),
    "RecipientView.detail": Text("A code that explains the outcome; null: there is none.", "number_is_own"),
    "RecipientView.attempts": Text("Calls that the carrier had.", 1),
    "next_attempt_at": Text("No call before; null: it does not wait for one.", _WHEN),
    "RecipientView.finished_at": Text("When it was finished; null: it is not.", _WHEN),
    "RecipientAnswer.calls": Text("The calls to it, the oldest first."),
    "CampaignAttemptView.started_at": Text("When it was placed (UTC).", _WHEN),
    "CampaignAttemptView.finished_at": Text("When it was over; null: it is not.", _WHEN),
    "CampaignAttemptView.outcome": Text("What became of it; null: it is not over.", "no_answer"),
    "CampaignAttemptView.detail": Text("A code that explains the outcome; null: there is none.", "too_late"),
    "RecipientImportAnswer.added": Text("Rows that were stored.", 498),
    "RecipientImportAnswer.refused": Text("Rows that were not.", 2),
    "faults": Text("The rows that were not stored, in their order."),
    "RowFaultView.row": Text("The row's line in the file, or its place in the request; the first is 1.", 17),
    "RowFaultView.param": Text("The field at fault; null: the whole row.", "phone_number"),
    "RowFaultView.code": Text("Stable, for programs.", "number_invalid"),
    "RowFaultView.message": Text("What is wrong.", "is no phone number of its country"),
    "ignored_columns": Text("Headers of columns that nothing was read from.", ["Notes"]),
    "CampaignEventData.name": Text("The campaign's name.", "Recall December"),
    "CampaignEventData.status": Text("running, paused, completed or canceled.", "paused"),
    "CampaignEventData.reason": Text("Why the platform changed it; null: a member did, or it is done.", "no_number"),
    "RecipientEventData.outcome": Text("As the recipient's outcome.", "answered"),
    "RecipientEventData.detail": Text("A code that explains the outcome; null: there is none.", "number_is_own"),
    "RecipientEventData.attempts": Text("Calls that the carrier had.", 1),
    "last_call_id": Text("Id of the last call; null: there was none."),
}
