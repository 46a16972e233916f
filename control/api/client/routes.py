"""All routes of the client API."""

from control.addresses import routes as addresses_routes
from control.agents import routes as agents_routes
from control.agents.templates import routes as templates_routes
from control.analytics.call_exports import routes as call_exports_routes
from control.analytics.workspace_figures import routes as workspace_figures_routes
from control.api.client import (
    api_keys,
    auth,
    invitations,
    members,
    own_account,
    privacy,
    sign_in_rules,
    sso,
    workspaces,
)
from control.billing.accounts import routes as billing_accounts
from control.billing.accruals import routes as billing_accruals
from control.billing.credits import routes as billing_credits
from control.billing.invoices import routes as billing_invoices
from control.billing.limits import routes as billing_limits
from control.billing.payments import routes as billing_payments
from control.billing.periods import routes as billing_periods
from control.calls import routes as calls_routes
from control.calls.blocked_callers import routes as blocked_callers_routes
from control.calls.verified_numbers import routes as verified_numbers_routes
from control.campaigns import routes as campaigns_routes
from control.do_not_call.routes import ROUTES as DO_NOT_CALL
from control.http.route import Route
from control.integrations import routes as integrations_routes
from control.knowledge import routes as knowledge_routes
from control.messages.routes import ROUTES as MESSAGES
from control.numbers import routes as numbers_routes
from control.outbound_webhooks import routes as outbound_webhooks_routes
from control.regulatory_bundles import routes as regulatory_bundles_routes
from control.tools.http_tools import routes as http_tools_routes
from control.tools.mcp_servers import routes as mcp_servers_routes
from control.voice.workspace_providers import routes as workspace_providers_routes

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *own_account.ROUTES,
    *workspaces.ROUTES,
    *members.ROUTES,
    *sign_in_rules.ROUTES,
    *sso.ROUTES,
    *invitations.ROUTES,
    *api_keys.ROUTES,
    *templates_routes.ROUTES,
    *agents_routes.ROUTES,
    *numbers_routes.ROUTES,
    *addresses_routes.ROUTES,
    *regulatory_bundles_routes.ROUTES,
    *calls_routes.ROUTES,
    *campaigns_routes.ROUTES,
    *workspace_providers_routes.ROUTES,
    *integrations_routes.ROUTES,
    *http_tools_routes.ROUTES,
    *mcp_servers_routes.ROUTES,
    *knowledge_routes.ROUTES,
    *MESSAGES,
    *outbound_webhooks_routes.ROUTES,
    *blocked_callers_routes.ROUTES,
    *DO_NOT_CALL,
    *verified_numbers_routes.ROUTES,
    *privacy.ROUTES,
    *workspace_figures_routes.ROUTES,
    *call_exports_routes.ROUTES,
    *billing_accruals.ROUTES,
    *billing_periods.ROUTES,
    *billing_invoices.ROUTES,
    *billing_credits.ROUTES,
    *billing_limits.ROUTES,
    *billing_accounts.ROUTES,
    *billing_payments.ROUTES,
)
