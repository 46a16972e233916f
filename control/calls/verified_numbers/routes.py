"""Routes for the verification of members' phones. A workspace on trial can call only verified phones."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from control.accounts.rules import VerifiedNumber
from control.calls.verified_numbers.rules import PhoneCode
from control.calls.verified_numbers.service import DIGITS, CodeRequest, PhoneCodes
from control.http.access import member
from control.http.body import LANGUAGE, Body
from control.http.context import MemberContext
from control.http.fields import CallId, Id
from control.http.route import RateLimit, Route

VERIFIED_NUMBERS = "/workspaces/{workspaceId}/verified-numbers"
CODES: Final = f"{VERIFIED_NUMBERS}/codes"


class NewPhoneCode(Body):
    """A phone to call with a code."""

    phone_number: str = Field(max_length=32, description="The phone, in E.164.", examples=["+14155550123"])
    language: str = Field(
        "en",
        pattern=LANGUAGE,
        max_length=20,
        description="Language in which the code is spoken (BCP 47): en, de, es or fr; English for others.",
        examples=["en"],
    )


class GivenPhoneCode(Body):
    """A code that was heard."""

    code: Annotated[str, Field(pattern=rf"^[0-9]{{{DIGITS}}}$", description="The six digits.", examples=["042195"])]


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


async def request_phone_code(context: MemberContext, body: NewPhoneCode) -> PhoneCodeAnswer:
    """Calls a phone of the member's from the workspace's number, and speaks a code. It counts as a test call."""
    request = CodeRequest(context.workspace_id, context.user_id, body.phone_number, body.language)
    return PhoneCodeAnswer(
        to_code_view(await context.services[PhoneCodes].request(context.db, context.actor, request, context.now))
    )


async def confirm_phone_code(
    context: MemberContext, phone_code_id: Annotated[UUID, Field(description="Id of the code.")], body: GivenPhoneCode
) -> VerifiedNumberAnswer:
    """Enters the code that was heard: the phone is verified. A code is good once, and for five tries."""
    verified = await context.services[PhoneCodes].confirm(
        context.db, context.actor, context.workspace_id, context.user_id, phone_code_id, body.code, context.now
    )
    return VerifiedNumberAnswer(to_view(verified))


async def list_verified_numbers(context: MemberContext) -> VerifiedNumberList:
    """The phones that the workspace's members verified."""
    found = await context.services[PhoneCodes].list_verified(context.db, context.workspace_id)
    return VerifiedNumberList([to_view(number) for number in found])


async def forget_verified_number(
    context: MemberContext, verified_number_id: Annotated[UUID, Field(description="Id of the verified phone.")]
) -> None:
    """Deletes a verified phone of the member's own."""
    await context.services[PhoneCodes].forget(
        context.db, context.actor, context.workspace_id, context.user_id, verified_number_id
    )


def to_code_view(code: PhoneCode) -> PhoneCodeView:
    return PhoneCodeView(code.id, code.phone_number, code.call_id, code.expires_at)


def to_view(verified: VerifiedNumber) -> VerifiedNumberView:
    return VerifiedNumberView(verified.id, verified.user_id, verified.phone_number, verified.verified_at)


ROUTES: tuple[Route, ...] = (
    Route("GET", VERIFIED_NUMBERS, list_verified_numbers, member("viewer", "numbers:read"), beyond_spec=True),
    Route(
        "POST",
        CODES,
        request_phone_code,
        member("member"),
        status=201,
        idempotent=True,
        limit=RateLimit("phone-codes", 10, 3600),
        beyond_spec=True,
        errors=(
            "422 number_invalid",
            "422 number_refused",
            "422 number_is_own",
            "422 country_not_allowed",
            "422 number_on_do_not_call_list",
            "429 outbound_rate",
            "429 outbound_hourly_limit",
            "429 outbound_daily_limit",
            "429 outbound_repeat_limit",
            "429 outbound_minutes_limit",
            "429 platform_limit",
            "409 call_limit",
            "409 no_number",
            "409 owner_unverified",
            "409 workspace_suspended",
            "429 phone_code_limit",
        ),
    ),
    Route(
        "POST",
        f"{CODES}/{{phoneCodeId}}/confirm",
        confirm_phone_code,
        member("member"),
        limit=RateLimit("phone-code-tries", 30, 3600),
        beyond_spec=True,
        errors=("404 phone_code_not_found", "409 phone_code_over", "409 verified_number_limit", "422 phone_code_wrong"),
    ),
    Route(
        "DELETE",
        f"{VERIFIED_NUMBERS}/{{verifiedNumberId}}",
        forget_verified_number,
        member("member"),
        beyond_spec=True,
        errors=("404 verified_number_not_found",),
    ),
)
