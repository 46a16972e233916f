"""Response models of verified phone numbers (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.accounts.model import VerifiedNumber
from control.calls.verified_numbers.rules import PhoneCode
from control.http.fields import CallId, Id


@dataclass(frozen=True, slots=True)
class PhoneCodeView:
    """A code that a call speaks. The code itself is told on the phone only."""

    id: Id
    phone_number: Annotated[str, Field(description="The phone that is called.", examples=["+12025550123"])]
    call_id: CallId
    expires_at: Annotated[datetime, Field(description="Until when the code is good (UTC).")]


@dataclass(frozen=True, slots=True)
class PhoneCodeAnswer:
    """A requested code."""

    phone_code: Annotated[PhoneCodeView, Field(description="The code that the call speaks.")]


@dataclass(frozen=True, slots=True)
class VerifiedNumberView:
    """A phone number that a member verified."""

    id: Id
    user_id: Annotated[UUID, Field(description="Id of the member whose phone it is.")]
    phone_number: Annotated[str, Field(description="The phone, in E.164.", examples=["+12025550123"])]
    verified_at: Annotated[datetime, Field(description="When it was verified (UTC).")]


@dataclass(frozen=True, slots=True)
class VerifiedNumberAnswer:
    """A verified phone number."""

    verified_number: Annotated[VerifiedNumberView, Field(description="The verified phone.")]


@dataclass(frozen=True, slots=True)
class VerifiedNumberList:
    """All verified numbers of the workspace's members, newest first."""

    verified_numbers: Annotated[list[VerifiedNumberView], Field(description="The verified phones.")]


def to_code_view(code: PhoneCode) -> PhoneCodeView:
    return PhoneCodeView(code.id, code.phone_number, code.call_id, code.expires_at)


def to_view(verified: VerifiedNumber) -> VerifiedNumberView:
    return VerifiedNumberView(verified.id, verified.user_id, verified.phone_number, verified.verified_at)
