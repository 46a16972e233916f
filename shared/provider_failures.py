"""The kinds of provider failures, and the stages at which providers fail."""

from typing import Literal

# What was requested from a provider when it failed.
#   connect     a recognizer's session. The connection of a model or a voice is part of its first unit
#   first_unit  a model's first token, a voice's first audio
#   stream      further tokens or audio, or a recognizer's text before a final text is requested
#   final       a recognizer's final text
FailureStage = Literal["connect", "first_unit", "stream", "final"]
# Why it failed.
#   refused       the provider rejected the connection or this request (HTTP 400, 404)
#   unauthorized  the provider rejected the key (HTTP 401, 403)
#   quota         the account's quota or credit is used up (HTTP 402)
#   rate_limited  the provider has no room for the request now (HTTP 429, 503)
#   late          the result did not come in time, or another provider's came first
#   stalled       the provider began, and then sent nothing more
#   cut           the connection or the stream ended too early
#   unreadable    the provider sent data that cannot be read
#   deaf          the provider gave no text for speech that another recognizer understood
#   empty         the provider answered, but the answer contains nothing usable
#   out_of_service  the staff took the provider out of service, and an open session left it
#   error         any other fault, reported by the provider or by us
FailureCause = Literal[
    "refused",
    "unauthorized",
    "quota",
    "rate_limited",
    "late",
    "stalled",
    "cut",
    "unreadable",
    "deaf",
    "empty",
    "out_of_service",
    "error",
]
