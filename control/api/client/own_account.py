"""Routes of what users do to their own account: password, sessions, second factor, further proofs."""

from typing import Final

from control.accounts.own_account.service import OwnSession
from control.accounts.users.service import Accounts
from control.api.client.own_account_views import SecondFactorState
from control.api.own_account import (
    OwnPasswordBody,
    OwnSessionList,
    PasswordAgain,
    Reauthentication,
    RecoveryCodeList,
    SecondFactor,
    TotpCode,
    TotpSecret,
    to_session_list,
    to_totp_secret,
)
from control.http.access import USER
from control.http.context import SessionContext
from control.http.fields import SessionId
from control.http.route import RateLimit, Route

_PROOFS: Final = RateLimit("proofs", 20, 600, per_user=True)


async def change_password(context: SessionContext, body: OwnPasswordBody) -> None:
    """Sets a new password. The other sessions end, unless they are kept."""
    accounts = context.services[Accounts]
    own = await accounts.own.change_password(context.db, _session(context), body.change(), context.now)
    await accounts.email_links.report_own_password(context.db, own, not body.keep_other_sessions)


async def reauthenticate(context: SessionContext, body: Reauthentication) -> None:
    """Proves again who is signed in, by the password or a code. For some minutes this session may do what answers 403
    reauthentication_required otherwise."""
    own, session = context.services[Accounts].own, _session(context)
    if body.password is not None:
        await own.reauthenticate(context.db, session, body.password, context.now)
    else:
        await own.reauthenticate_by_code(context.db, session, body.given(), context.now)


async def list_own_sessions(context: SessionContext) -> OwnSessionList:
    """The user's sessions that go on, last used first."""
    found = await context.services[Accounts].own.list_sessions(context.db, context.user_id, context.now)
    return to_session_list(found, context.session_id)


async def end_own_session(context: SessionContext, session_id: SessionId) -> None:
    """Ends one of the user's sessions. Its tokens are refused from the next request on."""
    await context.services[Accounts].own.end_session(context.db, _session(context), session_id, context.now)


async def end_other_sessions(context: SessionContext) -> None:
    """Ends all of the user's sessions but this one."""
    await context.services[Accounts].own.end_others(context.db, _session(context), context.now)


async def get_second_factor(context: SessionContext) -> SecondFactorState:
    """Whether the user has a second factor."""
    state = await context.services[Accounts].second_factors.state(context.db, context.user_id)
    return SecondFactorState(state.is_enabled, state.recovery_codes_left)


async def begin_totp(context: SessionContext, body: PasswordAgain) -> TotpSecret:
    """Creates a secret for an authenticator app, which its first code confirms. The password is asked for again."""
    accounts = context.services[Accounts]
    await accounts.own.require_password(context.db, _session(context), body.password, context.now)
    offer = await accounts.second_factors.offer(context.db, context.user_id, context.email, context.now)
    return to_totp_secret(offer)


async def confirm_totp(context: SessionContext, body: TotpCode) -> None:
    """Confirms the second factor with its first code. From now on each sign-in needs a code."""
    accounts = context.services[Accounts]
    await accounts.second_factors.confirm(context.db, context.user_id, body.code, context.origin, context.now)
    await accounts.email_links.report_second_factor(context.db, context.email, context.name, True)


async def remove_totp(context: SessionContext, body: SecondFactor) -> None:
    """Removes the second factor. Workspaces that demand one are closed to the user then."""
    accounts = context.services[Accounts]
    await accounts.second_factors.remove(context.db, context.user_id, body.given(), context.origin, context.now)
    await accounts.email_links.report_second_factor(context.db, context.email, context.name, False)


async def replace_recovery_codes(context: SessionContext, body: SecondFactor) -> RecoveryCodeList:
    """Creates ten new recovery codes. The older ones become invalid."""
    factors = context.services[Accounts].second_factors
    codes = await factors.replace_codes(context.db, context.user_id, body.given(), context.origin, context.now)
    return RecoveryCodeList(list(codes))


def _session(context: SessionContext) -> OwnSession:
    return OwnSession(context.session_id, context.user_id, context.email, context.origin)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/auth/password", change_password, USER, limit=_PROOFS, hashes_password=True, beyond_spec=True),
    Route("POST", "/auth/reauthenticate", reauthenticate, USER, limit=_PROOFS, hashes_password=True, beyond_spec=True),
    Route("GET", "/auth/sessions", list_own_sessions, USER, beyond_spec=True),
    Route("DELETE", "/auth/sessions", end_other_sessions, USER, beyond_spec=True),
    Route("DELETE", "/auth/sessions/{sessionId}", end_own_session, USER, beyond_spec=True),
    Route("GET", "/auth/totp", get_second_factor, USER, beyond_spec=True),
    Route("POST", "/auth/totp", begin_totp, USER, limit=_PROOFS, hashes_password=True, beyond_spec=True),
    Route("POST", "/auth/totp/confirm", confirm_totp, USER, needs_recent_sign_in=True, beyond_spec=True),
    Route("DELETE", "/auth/totp", remove_totp, USER, needs_recent_sign_in=True, beyond_spec=True),
    Route(
        "POST",
        "/auth/totp/recovery-codes",
        replace_recovery_codes,
        USER,
        needs_recent_sign_in=True,
        beyond_spec=True,
    ),
)
