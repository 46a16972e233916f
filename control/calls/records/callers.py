"""An incoming call, and who calls: a number, or a caller who withholds it."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from control.carriers.rules import CarrierName

# STIR/SHAKEN (ATIS-1000074). A: the originating carrier knows the caller, who may use the number; B: it knows the
# caller only; C: it knows the gateway only; failed: the signature is not valid.
Attestation = Literal["A", "B", "C", "failed"]


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call to one of our numbers. caller: E.164, or the carrier's own text ("anonymous", a SIP URI). attestation:
    Of the caller's number by STIR/SHAKEN, as in CallDetails."""

    carrier: CarrierName
    carrier_call_id: str
    caller: str
    called: str
    attestation: Attestation | None = None


ANONYMOUS: Final = "anonymous"
# What carriers send in place of a withheld number: these words; their letters on a keypad, at Twilio with a plus
# (+266696687 is ANONYMOUS); or a SIP address of RFC 3323, 4.1.1.3.
_WORDS: Final = ("anonymous", "restricted", "blocked", "unavailable", "unknown", "private", "withheld", "nocallerid")
_KEYS: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_KEYED: Final = frozenset(word.translate(_KEYS) for word in _WORDS)
_SIP: Final = re.compile(r"^sips?:(anonymous@|[^@]*@anonymous\.invalid)")
_NUMBER: Final = re.compile(r"^\+?[0-9]+$")


def identify_caller(caller: str) -> str:
    """Returns ANONYMOUS for a caller who withholds the number, otherwise what the carrier sent, without surrounding
    space.

    caller: E.164, or whatever the carrier sends.
    """
    text = caller.strip()
    if _NUMBER.match(text):
        return ANONYMOUS if text.removeprefix("+") in _KEYED else text
    plain = text.lower().replace(" ", "")
    return ANONYMOUS if not plain or plain in _WORDS or _SIP.match(plain) else text


def known_number(caller: str) -> str:
    """Returns what the carrier sent, without surrounding space; empty if the caller withholds the number."""
    identity = identify_caller(caller)
    return "" if identity == ANONYMOUS else identity
