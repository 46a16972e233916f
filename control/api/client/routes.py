"""All routes of the client API."""

from control.api.client import (
    addresses,
    agent_drafts,
    agents,
    analytics,
    api_keys,
    auth,
    billing,
    campaign_recipients,
    campaigns,
    http_tools,
    integrations,
    invitations,
    knowledge,
    mcp_servers,
    members,
    numbers,
    own_account,
    privacy,
    regulatory_bundles,
    sign_in_rules,
    sso,
    templates,
    voice,
    webhook_endpoints,
    workspaces,
)
from control.calls import routes as calls_routes
from control.calls.blocked_callers import routes as blocked_callers_routes
from control.calls.verified_numbers import routes as verified_numbers_routes
from control.do_not_call.routes import ROUTES as DO_NOT_CALL
from control.http.route import Route
from control.messages.routes import ROUTES as MESSAGES

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *own_account.ROUTES,
    *workspaces.ROUTES,
    *members.ROUTES,
    *sign_in_rules.ROUTES,
    *sso.ROUTES,
    *invitations.ROUTES,
    *api_keys.ROUTES,
    *templates.ROUTES,
    *agents.ROUTES,
    *agent_drafts.ROUTES,
    *numbers.ROUTES,
    *addresses.ROUTES,
    *regulatory_bundles.ROUTES,
    *calls_routes.ROUTES,
    *campaigns.ROUTES,
    *campaign_recipients.ROUTES,
    *voice.ROUTES,
    *integrations.ROUTES,
    *http_tools.ROUTES,
    *mcp_servers.ROUTES,
    *knowledge.ROUTES,
    *MESSAGES,
    *webhook_endpoints.ROUTES,
    *blocked_callers_routes.ROUTES,
    *DO_NOT_CALL,
    *verified_numbers_routes.ROUTES,
    *privacy.ROUTES,
    *analytics.ROUTES,
    *billing.ROUTES,
)
