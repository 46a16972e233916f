"""Routes of a workspace's rules for its members' sign-in."""

from typing import Annotated

from pydantic import Field

from control.accounts.users.service import Accounts
from control.api.client.sign_in_rules_views import SignInRulesAnswer
from control.http.access import member
from control.http.body import Body
from control.http.context import MemberContext
from control.http.route import Route
from control.workspaces.service import Workspaces
from shared.errors import Conflict

SIGN_IN_RULES = "/workspaces/{workspaceId}/sign-in-rules"


class SignInRules(Body):
    """The rules."""

    second_factor_required: Annotated[
        bool, Field(description="Members without a second factor may do nothing in the workspace.")
    ]


async def get_sign_in_rules(context: MemberContext) -> SignInRulesAnswer:
    """The workspace's rules for its members' sign-in."""
    workspace = await context.services[Workspaces].get(context.db, context.workspace_id)
    return SignInRulesAnswer(workspace.second_factor_required)


async def change_sign_in_rules(context: MemberContext, body: SignInRules) -> SignInRulesAnswer:
    """Says whether members need a second factor. From the next request on, members without one get 403
    second_factor_required in the workspace, and can set one up at POST /auth/totp. Whoever demands one has one."""
    services, needed = context.services, body.second_factor_required
    if needed and not (await services[Accounts].second_factors.state(context.db, context.user_id)).is_enabled:
        raise Conflict("Set up a second factor of your own first.", code="second_factor_missing")
    workspace = await services[Workspaces].change_setting(
        context.db, context.actor, context.workspace_id, "second_factor_required", needed or None, context.now
    )
    return SignInRulesAnswer(workspace.second_factor_required)


ROUTES: tuple[Route, ...] = (
    Route("GET", SIGN_IN_RULES, get_sign_in_rules, member("viewer"), beyond_spec=True),
    Route("PUT", SIGN_IN_RULES, change_sign_in_rules, member("owner"), needs_recent_sign_in=True, beyond_spec=True),
)
