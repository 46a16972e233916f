"""What settings say about webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """url: where carriers reach us, without a slash at its end; signatures are over it. Times in seconds.

    twilio_tokens: (account, token) pairs; the first account is the main one, and one that is listed twice has two good
    tokens. telnyx_public_keys: base64 of 32 bytes each. deadline_s: for a TwiML answer, all in all, and for storing an
    event. connect_s: for finding a media node. look_s: for finding the call whose stream is over, before media's word
    is asked for alone. over_wait_s: how long the word that a conversation was over may take after its stream.
    inline_s: Telnyx wants its answer within 2 s; commands that take longer go on without it. commands_s: for all that
    one event leads to, the wait for the conversation's end included; what is not done by then is left for later.
    record_after_s: after the answer, when Twilio is told to record a call that came in (where it is to record at all).
    apology: said in English when anything of ours broke.
    """

    url: str
    twilio_tokens: Sequence[tuple[str, str]] = field(default=(), repr=False)
    telnyx_public_keys: Sequence[str] = ()
    require_twilio_signature: bool = True
    deadline_s: float = 3.0
    connect_s: float = 1.5
    look_s: float = 1.0
    over_wait_s: float = 1.0
    inline_s: float = 1.5
    commands_s: float = 4.0
    record_after_s: float = 1.0
    body_timeout_s: float = 5.0
    apology: str = "Sorry, something went wrong on our side. Please call again in a moment. Goodbye."
