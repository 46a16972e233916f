"""All routes, in the order of the OpenAPI document: those of customers, and those of the staff."""

from control.addresses import routes as addresses_routes
from control.agents import routes as agents_routes
from control.agents.templates import routes as templates_routes
from control.analytics.call_exports import routes as call_exports_routes
from control.analytics.platform_figures import routes as platform_figures_routes
from control.analytics.workspace_figures import routes as workspace_figures_routes
from control.api import accounts as api_accounts
from control.api import configuration as api_configuration
from control.api import sso as api_sso
from control.api import workspaces as api_workspaces
from control.api_keys import routes as api_keys_routes
from control.billing.accounts import routes as billing_accounts
from control.billing.accruals import routes as billing_accruals
from control.billing.credits import routes as billing_credits
from control.billing.figures import routes as billing_figures
from control.billing.invoices import routes as billing_invoices
from control.billing.limits import routes as billing_limits
from control.billing.payments import routes as billing_payments
from control.billing.periods import routes as billing_periods
from control.billing.prices import routes as billing_prices
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
from control.privacy import routes as privacy_routes
from control.providers import routes as providers_routes
from control.regulatory_bundles import routes as regulatory_bundles_routes
from control.tools.http_tools import routes as http_tools_routes
from control.tools.mcp_servers import routes as mcp_servers_routes
from control.voice.workspace_providers import routes as workspace_providers_routes

CLIENT_ROUTES: tuple[Route, ...] = (
    *api_accounts.ROUTES,
    *api_accounts.OWN_ACCOUNT_ROUTES,
    *api_workspaces.ROUTES,
    *api_workspaces.MEMBERS_ROUTES,
    *api_workspaces.SIGN_IN_RULES_ROUTES,
    *api_sso.ROUTES,
    *api_workspaces.INVITATIONS_ROUTES,
    *api_keys_routes.ROUTES,
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
    *privacy_routes.ROUTES,
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


ADMIN_ROUTES: tuple[Route, ...] = (
    *api_accounts.ADMIN_ROUTES,
    *api_accounts.ADMIN_OWN_ACCOUNT_ROUTES,
    *api_accounts.USERS_ROUTES,
    *platform_figures_routes.DASHBOARD_ROUTES,
    *api_configuration.ROUTES,
    *api_configuration.LOGS_ROUTES,
    *api_workspaces.ADMIN_ROUTES,
    *numbers_routes.ADMIN_ROUTES,
    *regulatory_bundles_routes.ADMIN_ROUTES,
    *providers_routes.ADMIN_ROUTES,
    *templates_routes.ADMIN_ROUTES,
    *integrations_routes.ADMIN_ROUTES,
    *calls_routes.ADMIN_ROUTES,
    *platform_figures_routes.ADMIN_ROUTES,
    *billing_figures.ADMIN_ROUTES,
    *billing_invoices.ADMIN_ROUTES,
    *billing_payments.ADMIN_ROUTES,
    *billing_credits.ADMIN_ROUTES,
    *billing_accounts.ADMIN_ROUTES,
    *billing_prices.ADMIN_ROUTES,
    *billing_periods.ADMIN_ROUTES,
)
