"""The kinds of provider failures and what was asked for."""

from typing import Literal

# What a provider was asked for when it failed.
#   connect     a recognizer's session. A model's and a voice's connection is part of their first unit
#   first_unit  a model's first token, a voice's first audio
#   stream      what follows: further tokens or audio, or a recognizer while no final text was asked for
#   final       a recognizer's final text
FailureStage = Literal["connect", "first_unit", "stream", "final"]
# Why it failed.
#   refused       it took no connection, or not this request (HTTP 400, 404)
#   unauthorized  it did not accept the key (HTTP 401, 403)
#   quota         the account's quota or credit is used up (HTTP 402)
#   rate_limited  it had no room for the request now (HTTP 429, 503)
#   late          what it was asked for did not come in time, or another provider's came first
#   stalled       it had begun, and gave nothing more
#   cut           the connection or the stream ended too early
#   unreadable    it sent what cannot be read
#   deaf          it gave no text for speech that another recognizer understood
#   empty         it answered, with nothing that can be used
#   out_of_service  the staff took it out of service, and a session that was open left it
#   error         any other fault, by its own report or ours
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
