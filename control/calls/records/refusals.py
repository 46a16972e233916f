"""Why calls are refused, and what the refused caller hears. REFUSALS is the only table of both.

`control/calls/admission/service.py` decides which call is refused. Where open calls are counted, the statement that
inserts the row decides (`control/calls/records/queries.py`). The words are in `control/calls/announcements.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

RefusalReason = Literal[
    "unknown_number", "suspended", "blocked", "outside_hours", "spend_limit", "unusable", "over_limit", "all_busy",
    "cut_off", "code_call",
]  # fmt: skip
# How a call that is not answered yet is refused. rejected: the carrier does not answer it and plays its response for
# numbers that are not in service (Twilio, docs: TwiML <Reject>) or a tone (Telnyx, docs: Call Control, reject). The
# caller's network may play something else. busy: the same with a busy tone. Neither carrier bills an unanswered call.
# spoken: the call is answered, the carrier's voice speaks the announcement, and the carrier bills a minute.
RefusalResponse = Literal["rejected", "busy", "spoken"]
# The announcement in `control/calls/announcements.py`.
RefusalWords = Literal["not_in_service", "not_now", "busy", "unusable", "cut_off"]


@dataclass(frozen=True, slots=True)
class RefusalRule:
    """What follows from one reason.

    If a call is answered already, both carriers speak the announcement and hang up.

    Attributes:
        twilio, telnyx: How the carrier refuses a call that is not answered yet.
        status: Final status of the call's row, unless an agent had the call.
        words: The announcement; None if there is none.
    """

    twilio: RefusalResponse
    telnyx: RefusalResponse
    status: Literal["failed", "busy"]
    words: RefusalWords | None


REFUSALS: Final[Mapping[RefusalReason, RefusalRule]] = {
    # The number is not ours, or has no live agent.
    "unknown_number": RefusalRule("rejected", "rejected", "failed", "not_in_service"),
    "suspended": RefusalRule("rejected", "rejected", "failed", "not_now"),
    # The workspace blocks the caller.
    "blocked": RefusalRule("rejected", "rejected", "failed", None),
    # The agent hangs up outside its opening hours. Its own text replaces the words.
    "outside_hours": RefusalRule("spoken", "spoken", "failed", "not_now"),
    # The workspace has reached its spending limit of the period. The words do not mention it.
    "spend_limit": RefusalRule("spoken", "spoken", "failed", "not_now"),
    # The agent's plan cannot be made.
    "unusable": RefusalRule("spoken", "spoken", "failed", "unusable"),
    # The workspace has as many calls as its tier allows at the same time.
    "over_limit": RefusalRule("spoken", "busy", "busy", "busy"),
    # No media node has room, or Redis is unavailable.
    "all_busy": RefusalRule("spoken", "busy", "busy", "busy"),
    # An answered call whose media stream ended while Redis is unavailable, so it is unknown how the call continues. Its
    # row stays open.
    "cut_off": RefusalRule("spoken", "spoken", "failed", "cut_off"),
    # A call of ours that only speaks a verification code. `make_code_announcement` has its words. This is not an error.
    "code_call": RefusalRule("spoken", "spoken", "failed", None),
}


@dataclass(frozen=True, slots=True)
class RefusedCall:
    """A call that no agent answers.

    Attributes:
        announcement: What the carrier's voice says in `language` (BCP 47) if the refusal is spoken; empty for nothing.
        call_id: None for a call without a row.
    """

    reason: RefusalReason
    announcement: str
    language: str = "en"
    call_id: UUID | None = None
