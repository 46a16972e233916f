"""Properties of do-not-call lists."""

from typing import Final

from control.http.api_reference import PropertyText as Text

DO_NOT_CALL: Final = {
    "do_not_call_numbers": Text("The numbers."),
    "do_not_call_number_id": Text("Id of the entry."),
    "DoNotCallNumberView.number": Text(
        "E.164; `deleted-` and a hash in place of a number whose data was deleted.", "+12025550123"
    ),
    "DoNotCallNumberView.source": Text(
        "How it came onto the list. `member`: a member. `api`: an API key. `import`: a file. `caller_words`, "
        "`caller_keypad`: the person on the phone asked for it, in words or by a key.",
        "caller_words",
    ),
    "DoNotCallNumberView.call_id": Text("Id of the call in which the person asked for it; null for others."),
    "DoNotCallNumberView.note": Text("For the workspace's members.", "By letter of 2 March"),
    "opted_out_at": Text(
        "When the person on the phone asked not to be called again (UTC), which puts their number on the do-not-call "
        "list, unless it was withheld. Null: nobody did."
    ),
    "opted_out_by": Text("How the person asked not to be called again: words or key; null: nobody did.", "words"),
    "added_by": Text("Id of the member or the API key; null where the person on the phone asked for it."),
    "added": Text("New entries of the list.", 2),
    "already_listed": Text("Rows whose number was on the list, or came twice.", 0),
    "AddedNumbersAnswer.errors": Text("The rows that were not added."),
    "row": Text("Which one: its place in `numbers`, from 1, or the line of the file.", 3),
    "ListingErrorView.code": Text("`number_invalid`, or `too_long` for a note.", "number_invalid"),
    "ListingErrorView.message": Text("What is wrong with it.", "number must be in E.164, like +14155550100"),
}
