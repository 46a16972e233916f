"""What settings say about webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Addresses, keys and time limits. Every field that ends in _s is in seconds."""

    # --- Address and signatures ---

    #: Base URL at which carriers reach us, without a slash at its end. Signatures are computed over it.
    url: str
    #: (account, token) pairs. The first account is the main one; an account that is listed twice has two valid tokens.
    twilio_tokens: Sequence[tuple[str, str]] = field(default=(), repr=False)
    #: (id, secret) pairs of SharedKeys, which sign instead where a Webhook Rule of Twilio says so.
    twilio_shared_keys: Sequence[tuple[str, str]] = field(default=(), repr=False)
    #: Ed25519 public keys, base64 of 32 bytes each; several while they rotate.
    telnyx_public_keys: Sequence[str] = ()
    #: Signing secrets of Stripe's endpoint; several while they are replaced.
    stripe_secrets: Sequence[str] = field(default=(), repr=False)
    #: Whether a request of Twilio without any signature is refused; a wrong signature always is.
    require_twilio_signature: bool = True

    # --- Reading and answering a request ---

    #: Longest event of Stripe: an invoice with ten lines, each with 50 metadata values of 500 characters, has 0.3 MB.
    stripe_body_bytes: int = 524_288
    #: Time within which the body has to arrive.
    body_timeout_s: float = 5.0
    #: Time for a whole TwiML answer, and for storing an event. Twilio waits 15 s (docs: webhooks-connection-overrides).
    deadline_s: float = 6.0
    #: Time for choosing a media node and issuing the ticket.
    media_assignment_s: float = 1.5
    #: What a caller hears, in English, when a TwiML answer failed on our side.
    apology: str = "Sorry, something went wrong on our side. Please call again in a moment. Goodbye."

    # --- After a media stream ended ---

    #: Time for loading the call from the database before the stream's outcome on the bus is used alone.
    lookup_s: float = 1.0
    #: Time that media's stream outcome may take to arrive after the carrier reported the stream's end.
    outcome_wait_s: float = 1.0

    # --- Requests to carriers ---

    #: Time that commands may delay the answer to Telnyx, which waits 2 s (docs: receiving-webhooks); after it they go
    #: on in the background.
    inline_commands_s: float = 1.5
    #: Time for all commands of one event, the wait for the stream's outcome included; the rest is left for a retry.
    commands_s: float = 4.0
