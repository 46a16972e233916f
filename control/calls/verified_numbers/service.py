"""Verification of phone numbers: a call from the workspace's number speaks a code, which the user then enters.

The platform uses a call, because both carriers can place and speak it; their verification services are different
products.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.accounts.rules import VerifiedNumber
from control.accounts.users.service import add_verified, remove_verified, require_room
from control.agents.destinations import country_of, parse_destination
from control.audit.service import Actor, Change, record_change
from control.calls.outbound.rules import OriginNumber, too_many
from control.calls.outbound.service import CallPreconditions, PlaceCallJob, enqueue_dial
from control.calls.records import queries as records_queries
from control.calls.verified_numbers import queries
from control.calls.verified_numbers.rules import PhoneCode
from control.db.pool import Connection
from control.db.scope import read_platform
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.secrets import Sealer

PURPOSE: Final = "phone code"
PARAM: Final = "phone_number"
# Guessing succeeds once in 200,000 times, because MOST_FAILURES attempts are allowed.
DIGITS: Final = 6
MOST_FAILURES: Final = 5


@dataclass(frozen=True, slots=True)
class CodeRequest:
    """Whom to call with a code.

    Attributes:
        number: As the user wrote it.
        language: BCP 47; English if there is no translation.
    """

    workspace_id: UUID
    user_id: UUID
    number: str
    language: str


class PhoneCodes:
    """Verifies phone numbers. Works within the current transaction, in the workspace's scope."""

    def __init__(
        self,
        workspaces: Workspaces,
        platform: Platform,
        sealer: Sealer,
        preconditions: CallPreconditions,
        dangerous_countries: frozenset[str],
    ) -> None:
        """`dangerous_countries` are countries whose phones are never called with a code."""
        self._workspaces, self._platform, self._sealer = workspaces, platform, sealer
        self._preconditions, self._dangerous_countries = preconditions, dangerous_countries

    async def request(self, db: Connection, actor: Actor, request: CodeRequest, now: datetime) -> PhoneCode:
        """Makes a code and enqueues the job that dials the call.

        Raises:
            Invalid: Codes number_invalid, number_refused, number_is_own, number_on_do_not_call_list,
                country_not_allowed.
            Conflict: Codes no_number, call_limit, workspace_suspended, owner_unverified.
            TooManyRequests: Code phone_code_limit, and the codes of outbound calls.
        """
        number, country = parse_destination(request.number, PARAM)
        if country in self._dangerous_countries:
            raise Invalid(f"Phones in {country} cannot be verified.", code="country_not_allowed", param=PARAM)
        origins = await self._preconditions.require_callable(db, request.workspace_id, None, number, PARAM)
        origin = _choose_origin(origins, country)
        await self._require_capacity(db, request.workspace_id, number, now)
        call = _new_call(request.workspace_id, origin, number, now)
        minutes = await self._platform.setting(db, "phone_code_minutes")
        code = PhoneCode(
            id=UUID(new_id()),
            workspace_id=request.workspace_id,
            user_id=request.user_id,
            phone_number=number,
            call_id=call.id,
            language=request.language,
            code=self._sealer.seal(_make_code().encode(), PURPOSE),
            failures=0,
            created_at=now,
            expires_at=now + timedelta(minutes=minutes),
            used_at=None,
        )
        await records_queries.insert_queued(db, call)
        await queries.insert_code(db, code)
        await enqueue_dial(db, PlaceCallJob(call.id))
        change = Change("phone_code.request", "call", str(call.id), request.workspace_id, after={"country": country})
        await record_change(db, actor, change)
        return code

    async def confirm(
        self, db: Connection, actor: Actor, workspace_id: UUID, user_id: UUID, code_id: UUID, given: str, now: datetime
    ) -> VerifiedNumber:
        """Stores the number as the user's if the code is right. A code works once, and allows MOST_FAILURES attempts.

        Raises:
            NotFound: Code phone_code_not_found.
            Conflict: Codes phone_code_over, verified_number_limit.
            Invalid: Code phone_code_wrong.
        """
        code = await queries.lock_code(db, workspace_id, user_id, code_id)
        if code is None:
            raise NotFound("There is no such code.", code="phone_code_not_found")
        if code.used_at is not None or code.expires_at <= now or code.failures >= MOST_FAILURES:
            raise Conflict("This code is not valid any more: request a new one.", code="phone_code_over")
        if not secrets.compare_digest(given.encode(), self._sealer.open(code.code, PURPOSE)):
            await queries.update_failures(db, code)
            raise Invalid("This is not the code.", code="phone_code_wrong", param="code", commits=True)
        most = await self._platform.setting(db, "verified_numbers_per_user")
        await require_room(db, user_id, code.phone_number, most)
        await queries.update_used(db, code, now)
        verified = await add_verified(db, user_id, code.phone_number, now)
        await record_change(db, actor, Change("phone_number.verify", "verified_number", str(verified.id), workspace_id))
        return verified

    async def list_verified(self, db: Connection, workspace_id: UUID) -> list[VerifiedNumber]:
        """Returns the verified numbers of the workspace's members, newest first."""
        return await queries.select_verified(db, workspace_id)

    async def forget(self, db: Connection, actor: Actor, workspace_id: UUID, user_id: UUID, number_id: UUID) -> None:
        """Deletes a verified number of the user. Raises NotFound (verified_number_not_found)."""
        await remove_verified(db, user_id, number_id)
        await record_change(db, actor, Change("phone_number.forget", "verified_number", str(number_id), workspace_id))

    async def _require_capacity(self, db: Connection, workspace_id: UUID, number: str, now: datetime) -> None:
        """Locks the workspace, the person and the number, in this order."""
        tier = await self._workspaces.limits(db, workspace_id)
        limits = await self._preconditions.require_capacity(db, workspace_id, number, tier.max_concurrent_calls, now)
        of_person = await self._workspaces.lock_person(db, workspace_id)
        await queries.lock_number(db, number)
        codes = await read_platform(db, lambda: queries.count_codes(db, of_person, number, now))
        if codes.of_person >= limits["phone_codes_per_day"]:
            raise too_many("phone_code_limit", "calls a day with a code", limits["phone_codes_per_day"])
        if codes.to_number >= limits["phone_codes_per_number"]:
            raise too_many(
                "phone_code_limit", "calls a day with a code to one number", limits["phone_codes_per_number"]
            )


def _choose_origin(origins: Sequence[OriginNumber], country: str) -> OriginNumber:
    """Returns the workspace's number in the same country. Raises Invalid."""
    for origin in origins:
        if country_of(origin.phone_number) == country:
            return origin
    text = f"This workspace has no phone number in {country}; a phone is verified from one of its own country."
    raise Invalid(text, code="country_not_allowed", param=PARAM)


def _new_call(workspace_id: UUID, origin: OriginNumber, number: str, now: datetime) -> records_queries.NewCall:
    """Returns a test call without an agent. It speaks the code (`CallAdmission.admit_answered`)."""
    return records_queries.NewCall(
        id=UUID(new_id()),
        workspace_id=workspace_id,
        agent_id=None,
        agent_version=None,
        number_id=origin.id,
        direction="outbound",
        is_test=True,
        carrier=origin.carrier,
        carrier_call_id=None,
        caller_number=origin.phone_number,
        called_number=number,
        at=now,
    )


def _make_code() -> str:
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
