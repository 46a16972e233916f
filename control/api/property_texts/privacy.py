"""Properties of personal data: retention, deletions of callers, exports, reads by the staff."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_CALLER: Final = "deleted-3f2a9c0b7d1e4865"

PRIVACY: Final = {
    "ContentReadView.reason": Text(
        "Why it was read, as the member of the staff wrote it.", "Ticket 1234: caller heard nothing"
    ),
    "retention": Text("How long what calls hold is kept."),
    "recording_days": Text("Days that recordings are kept; null: as long as the tier allows.", 30),
    "transcript_days": Text("Days that transcripts, summaries and messages are kept; null: as the tier allows.", 90),
    "event_days": Text("Days that events are kept, no longer than transcripts; null: as the tier allows.", 90),
    "days": Text("Days in effect."),
    "longest": Text("The most days that may be chosen in the workspace's tier."),
    "KeptDays.recording": Text("Days of recordings.", 30),
    "KeptDays.transcript": Text("Days of transcripts, summaries and messages.", 90),
    "KeptDays.event": Text("Days of events and turns.", 90),
    "deletion": Text("The deletion."),
    "deletions": Text("The deletions."),
    "CallerDeletionView.caller": Text("The pseudonym that stands in place of the number.", _CALLER),
    "requested_by": Text("Id of the member who requested it; null if that account is deleted."),
    "requested_at": Text("When it was requested (UTC)."),
    "finished_at": Text("When it was done (UTC); null while it runs."),
    "counts": Text("What was deleted so far, by name.", {"calls": 3, "events": 214, "recordings": 2}),
    "accesses": Text("The reads."),
    "ContentReadView.at": Text("When it was read (UTC)."),
    "reader": Text("E-mail address of the member of the staff; null if unknown.", "grace@example.com"),
    "content": Text("What was read: `call` (transcription, summary, turns) or `events`."),
    "export": Text("The export."),
    "export_id": Text("Id of the export."),
    "exports": Text("The exports."),
    "size_bytes": Text("Bytes of the file; null until it is ready.", 1_048_576),
    "is_content_withheld": Text("Whether transcription, summary and turns were left out: no reason was given."),
}
