"""Codes of an authenticator app (RFC 6238: six digits, 30 s). The only importer of pyotp."""

import hmac
from datetime import datetime
from typing import Final

import pyotp

STEP_S: Final = 30
# Steps before and after: clocks differ, and typing takes time (RFC 6238, 5.2).
WINDOW: Final = 1


def new_secret() -> str:
    """160 random bits in base32, as apps want it."""
    return pyotp.random_base32()


def uri(secret: str, email: str, issuer: str) -> str:
    """What an app's QR code holds."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def code(secret: str, now: datetime) -> str:
    """The code of this moment."""
    return pyotp.TOTP(secret).generate_otp(_step(now))


def step_of(secret: str, given: str, now: datetime) -> int | None:
    """The time step that the code is of, if it is one of those allowed now."""
    maker, found = pyotp.TOTP(secret), None
    for step in range(_step(now) - WINDOW, _step(now) + WINDOW + 1):
        if hmac.compare_digest(maker.generate_otp(step).encode(), given.encode()):
            found = step
    return found


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S
