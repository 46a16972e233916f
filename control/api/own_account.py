"""Bodies and answers of what people do to their own account: the same for users and for the staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.accounts.model import ListedSession
from control.accounts.networks import network_of
from control.accounts.own_account import PasswordChange
from control.accounts.recovery_codes import PATTERN as RECOVERY_CODE
from control.accounts.second_factors import TotpOffer
from control.http.body import Body, PasswordText
from control.http.pagination import HasMore
from shared.errors import Invalid

Code = Annotated[str, Field(pattern=r"^[0-9]{6}$", description="Six digits of an authenticator app.")]
RecoveryCode = Annotated[
    str,
    Field(
        pattern=RECOVERY_CODE,
        description="A one-time recovery code, for those without their authenticator app.",
        examples=["k3vq-7ayo-m2fd"],
    ),
]


class OwnPasswordBody(Body):
    """The present password and the new one. keep_other_sessions: they go on; otherwise they end."""

    current_password: PasswordText
    new_password: PasswordText
    keep_other_sessions: bool = False

    def change(self) -> PasswordChange:
        """As the accounts take it."""
        return PasswordChange(self.current_password, self.new_password, self.keep_other_sessions)


class PasswordAgain(Body):
    """The account's password."""

    password: PasswordText


class TotpCode(Body):
    """A code of the authenticator app; each is accepted once."""

    code: Code


class SecondFactor(Body):
    """One of the two codes."""

    code: Code | None = None
    recovery_code: RecoveryCode | None = None

    def given(self) -> str:
        """The code that was sent. Raises Invalid for none."""
        given = self.code or self.recovery_code
        if given is None:
            raise Invalid("A code of the authenticator app is needed, or a recovery code.", param="code")
        return given


class Reauthentication(SecondFactor):
    """The password, or a code of the second factor."""

    password: PasswordText | None = None


@dataclass(frozen=True, slots=True)
class OwnSessionView:
    """A session that goes on. last_used_at: when tokens were last issued to it. network: of the sign-in. user_agent:
    what its client called itself. is_current: it is the one that asks."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    network: str
    user_agent: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class OwnSessionList:
    """The sessions, last used first. has_more: always false."""

    sessions: list[OwnSessionView]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """A secret for an authenticator app, in force once it is confirmed. otpauth_uri: the content of a QR code.
    recovery_codes: ten one-time codes for a sign-in without the app, shown only here; valid once it is confirmed."""

    secret: str
    otpauth_uri: str
    recovery_codes: list[str]
    digits: int = 6
    period: int = 30


@dataclass(frozen=True, slots=True)
class RecoveryCodeList:
    """Ten one-time codes for a sign-in without the authenticator app, shown only here."""

    recovery_codes: list[str]


def to_totp_secret(offer: TotpOffer) -> TotpSecret:
    return TotpSecret(offer.secret, offer.uri, list(offer.recovery_codes))


def to_session_list(found: Sequence[ListedSession], current: UUID) -> OwnSessionList:
    return OwnSessionList([_to_view(one, current) for one in found], False)


def _to_view(session: ListedSession, current: UUID) -> OwnSessionView:
    return OwnSessionView(
        id=session.id,
        created_at=session.created_at,
        last_used_at=session.last_used_at,
        expires_at=session.expires_at,
        network=network_of(session.address) if session.address else "",
        user_agent=session.user_agent or "",
        is_current=session.id == current,
    )
