"""Bodies and answers of what people do to their own account: the same for users and for the staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.accounts.own_account.service import PasswordChange
from control.accounts.rules import ListedSession, network_of
from control.accounts.second_factors.service import PATTERN as RECOVERY_CODE
from control.accounts.second_factors.service import TotpOffer
from control.http.body import Body, PasswordText
from control.http.fields import Id
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
    """The present password and the new one."""

    current_password: Annotated[
        PasswordText, Field(description="The present password.", examples=["correct horse battery"])
    ]
    new_password: Annotated[
        PasswordText, Field(description="The new password, 10 to 128 characters.", examples=["correct horse battery"])
    ]
    keep_other_sessions: Annotated[bool, Field(description="They go on; otherwise they end.")] = False

    def change(self) -> PasswordChange:
        """As the accounts take it."""
        return PasswordChange(self.current_password, self.new_password, self.keep_other_sessions)


class PasswordAgain(Body):
    """The account's password."""

    password: Annotated[
        PasswordText,
        Field(
            description="The account's password; a new one has 10 to 128 characters.",
            examples=["correct horse battery"],
        ),
    ]


class TotpCode(Body):
    """A code of the authenticator app; each is accepted once."""

    code: Annotated[Code, Field(description="Six digits of an authenticator app.", examples=["492039"])]


class SecondFactor(Body):
    """One of the two codes."""

    code: Annotated[Code | None, Field(description="Six digits of an authenticator app.", examples=["492039"])] = None
    recovery_code: RecoveryCode | None = None

    def given(self) -> str:
        """The code that was sent. Raises Invalid for none."""
        given = self.code or self.recovery_code
        if given is None:
            raise Invalid("A code of the authenticator app is needed, or a recovery code.", param="code")
        return given


class Reauthentication(SecondFactor):
    """The password, or a code of the second factor."""

    password: Annotated[
        PasswordText | None,
        Field(
            description="The account's password; a new one has 10 to 128 characters.",
            examples=["correct horse battery"],
        ),
    ] = None
    code: Annotated[
        Code | None, Field(description="A code of the authenticator app, or a recovery code.", examples=["492039"])
    ] = None


@dataclass(frozen=True, slots=True)
class OwnSessionView:
    """A session that goes on."""

    id: Id
    created_at: Annotated[datetime, Field(description="When its sign-in was (UTC).")]
    last_used_at: Annotated[datetime, Field(description="When tokens were last issued to it (UTC).")]
    expires_at: Annotated[datetime, Field(description="When it ends unless it is used (UTC).")]
    network: Annotated[str, Field(description="Of the sign-in.", examples=["192.0.2.0/24"])]
    user_agent: Annotated[
        str, Field(description="What its client called itself.", examples=["Mozilla/5.0 (X11; Linux x86_64)"])
    ]
    is_current: Annotated[bool, Field(description="It is the one that asks.")]


@dataclass(frozen=True, slots=True)
class OwnSessionList:
    """The sessions, last used first."""

    sessions: Annotated[list[OwnSessionView], Field(description="The sessions.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """A secret for an authenticator app, in force once it is confirmed."""

    secret: Annotated[
        str,
        Field(
            description="The secret, for an authenticator app that cannot read the QR code.",
            examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"],
        ),
    ]
    otpauth_uri: Annotated[
        str,
        Field(
            description="The content of a QR code.",
            examples=["otpauth://totp/Vocalized:grace@example.com?secret=JBSWY3DPEHPK3PXP&issuer=Vocalized"],
        ),
    ]
    recovery_codes: Annotated[
        list[str],
        Field(
            description="Ten one-time codes for a sign-in without the app, shown only here; valid once it is "
            "confirmed.",
            examples=[["k3vq-7ayo-m2fd", "p6tr-2bxe-w9cs"]],
        ),
    ]
    digits: Annotated[int, Field(description="Digits of a code.")] = 6
    period: Annotated[int, Field(description="Seconds for which a code is shown.")] = 30


@dataclass(frozen=True, slots=True)
class RecoveryCodeList:
    """Ten one-time codes for a sign-in without the authenticator app, shown only here."""

    recovery_codes: Annotated[
        list[str],
        Field(
            description="Ten one-time codes for a sign-in without the app; shown only here.",
            examples=[["k3vq-7ayo-m2fd", "p6tr-2bxe-w9cs"]],
        ),
    ]


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
