"""Routes by which members verify their phones: a workspace on trial calls no others."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from control.agents.language_config import LANGUAGE
from control.api.client.verified_numbers_views import (
    PhoneCodeAnswer,
    VerifiedNumberAnswer,
    VerifiedNumberList,
    to_code_view,
    to_view,
)
from control.calls.verified_numbers.service import DIGITS, CodeRequest, PhoneCodes
from control.http.access import member
from control.http.body import Body
from control.http.context import MemberContext
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
    return VerifiedNumberList([to_view(one) for one in found])


async def forget_verified_number(
    context: MemberContext, verified_number_id: Annotated[UUID, Field(description="Id of the verified phone.")]
) -> None:
    """Deletes a verified phone of the member's own."""
    await context.services[PhoneCodes].forget(
        context.db, context.actor, context.workspace_id, context.user_id, verified_number_id
    )


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
    ),
    Route(
        "POST",
        f"{CODES}/{{phoneCodeId}}/confirm",
        confirm_phone_code,
        member("member"),
        limit=RateLimit("phone-code-tries", 30, 3600),
        beyond_spec=True,
    ),
    Route(
        "DELETE",
        f"{VERIFIED_NUMBERS}/{{verifiedNumberId}}",
        forget_verified_number,
        member("member"),
        beyond_spec=True,
    ),
)
