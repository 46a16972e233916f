"""Codes of an authenticator app (RFC 6238: six digits, 30 s). Only this module imports pyotp."""

import hmac
from datetime import datetime
from typing import Final

import pyotp

STEP_S: Final = 30
# Number of steps accepted before and after the current step, for clock drift and typing time (RFC 6238, section 5.2).
WINDOW: Final = 1


def new_secret() -> str:
    """Return 160 random bits in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, email: str, issuer: str) -> str:
    """Return the content of the QR code for an authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def code_at(secret: str, now: datetime) -> str:
    """Return the code for this time."""
    return pyotp.TOTP(secret).generate_otp(_step(now))


def find_step(secret: str, given: str, now: datetime) -> int | None:
    """Return the time step of the code, or None if the code is not valid within the window."""
    generator, found = pyotp.TOTP(secret), None
    for step in range(_step(now) - WINDOW, _step(now) + WINDOW + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), given.encode()):
            found = step
    return found


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S
