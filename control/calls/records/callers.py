"""An incoming call and the identity of its caller: a number, or a caller who withholds the number."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from control.carriers.rules import CarrierName

# STIR/SHAKEN (ATIS-1000074). A: the originating carrier has verified the caller and that the caller may use the number.
# B: it has verified only the caller. C: it has verified only the gateway. failed: the signature is not valid.
Attestation = Literal["A", "B", "C", "failed"]


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A call to one of our numbers.

    Attributes:
        caller: E.164, or the carrier's own text ("anonymous", a SIP URI).
        attestation: STIR/SHAKEN attestation of the caller's number, as in CallDetails.
    """

    carrier: CarrierName
    carrier_call_id: str
    caller: str
    called: str
    attestation: Attestation | None = None


ANONYMOUS: Final = "anonymous"
# Carriers send these words in place of a withheld number; or the words' letters on a keypad, at Twilio with a plus
# (+266696687 is ANONYMOUS); or a SIP address of RFC 3323, 4.1.1.3.
_WORDS: Final = ("anonymous", "restricted", "blocked", "unavailable", "unknown", "private", "withheld", "nocallerid")
_KEYS: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_KEYED: Final = frozenset(word.translate(_KEYS) for word in _WORDS)
_SIP: Final = re.compile(r"^sips?:(anonymous@|[^@]*@anonymous\.invalid)")
_NUMBER: Final = re.compile(r"^\+?[0-9]+$")


def identify_caller(caller: str) -> str:
    """Returns ANONYMOUS for a caller who withholds the number, otherwise the carrier's text without surrounding space.

    Args:
        caller: E.164, or any other text from the carrier.
    """
    text = caller.strip()
    if _NUMBER.match(text):
        return ANONYMOUS if text.removeprefix("+") in _KEYED else text
    plain = text.lower().replace(" ", "")
    return ANONYMOUS if not plain or plain in _WORDS or _SIP.match(plain) else text


def known_number(caller: str) -> str:
    """Returns the carrier's text without surrounding space; empty if the caller withholds the number."""
    identity = identify_caller(caller)
    return "" if identity == ANONYMOUS else identity
