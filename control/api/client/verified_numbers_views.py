"""Response models of verified phone numbers (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.accounts.model import VerifiedNumber
from control.calls.model import PhoneCode


@dataclass(frozen=True, slots=True)
class PhoneCodeView:
    """A code that a call speaks. The code itself is told on the phone only."""

    id: UUID
    phone_number: str
    call_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PhoneCodeAnswer:
    """A requested code."""

    phone_code: PhoneCodeView


@dataclass(frozen=True, slots=True)
class VerifiedNumberView:
    """A phone number that a member verified."""

    id: UUID
    user_id: UUID
    phone_number: str
    verified_at: datetime


@dataclass(frozen=True, slots=True)
class VerifiedNumberAnswer:
    """A verified phone number."""

    verified_number: VerifiedNumberView


@dataclass(frozen=True, slots=True)
class VerifiedNumberList:
    """All verified numbers of the workspace's members, newest first."""

    verified_numbers: list[VerifiedNumberView]


def to_code_view(code: PhoneCode) -> PhoneCodeView:
    return PhoneCodeView(code.id, code.phone_number, code.call_id, code.expires_at)


def to_view(verified: VerifiedNumber) -> VerifiedNumberView:
    return VerifiedNumberView(verified.id, verified.user_id, verified.phone_number, verified.verified_at)
