"""All routes of customers and staff, in the order of the OpenAPI document."""

from control.accounts import routes as accounts
from control.addresses import routes as addresses
from control.agent_tests import routes as agent_tests
from control.agents import routes as agents
from control.agents.templates import routes as templates
from control.analytics.call_exports import routes as call_exports
from control.analytics.platform_figures import routes as platform_figures
from control.analytics.workspace_figures import routes as workspace_figures
from control.api_keys import routes as api_keys
from control.audit import routes as audit
from control.billing.accounts import routes as billing_accounts
from control.billing.accruals import routes as billing_accruals
from control.billing.credits import routes as billing_credits
from control.billing.figures import routes as billing_figures
from control.billing.invoices import routes as billing_invoices
from control.billing.limits import routes as billing_limits
from control.billing.payments import routes as billing_payments
from control.billing.periods import routes as billing_periods
from control.billing.prices import routes as billing_prices
from control.calls import routes as calls
from control.calls.blocked_callers import routes as blocked_callers
from control.calls.feed import routes as feed
from control.calls.supervision import routes as supervision
from control.calls.verified_numbers import routes as verified_numbers
from control.campaigns import routes as campaigns
from control.do_not_call import routes as do_not_call
from control.http.route import Route
from control.integrations import routes as integrations
from control.knowledge import routes as knowledge
from control.messages import routes as messages
from control.numbers import routes as numbers
from control.outbound_webhooks import routes as outbound_webhooks
from control.platform import routes as platform
from control.privacy import routes as privacy
from control.providers import routes as providers
from control.regulatory_bundles import routes as regulatory_bundles
from control.sso import routes as sso
from control.tools.http_tools import routes as http_tools
from control.tools.mcp_servers import routes as mcp_servers
from control.voice.workspace_providers import routes as workspace_providers
from control.workspaces import routes as workspaces

CLIENT_ROUTES: tuple[Route, ...] = (
    *accounts.ROUTES,
    *workspaces.ROUTES,
    *sso.ROUTES,
    *workspaces.INVITATIONS_ROUTES,
    *api_keys.ROUTES,
    *templates.ROUTES,
    *agents.ROUTES,
    *agent_tests.ROUTES,
    *numbers.ROUTES,
    *addresses.ROUTES,
    *regulatory_bundles.ROUTES,
    *feed.ROUTES,  # Must precede the routes of a call, whose paths also match this path.
    *calls.ROUTES,
    *supervision.ROUTES,
    *campaigns.ROUTES,
    *workspace_providers.ROUTES,
    *integrations.ROUTES,
    *http_tools.ROUTES,
    *mcp_servers.ROUTES,
    *knowledge.ROUTES,
    *messages.ROUTES,
    *outbound_webhooks.ROUTES,
    *blocked_callers.ROUTES,
    *do_not_call.ROUTES,
    *verified_numbers.ROUTES,
    *privacy.ROUTES,
    *workspace_figures.ROUTES,
    *call_exports.ROUTES,
    *billing_accruals.ROUTES,
    *billing_periods.ROUTES,
    *billing_invoices.ROUTES,
    *billing_credits.ROUTES,
    *billing_limits.ROUTES,
    *billing_accounts.ROUTES,
    *billing_payments.ROUTES,
)


ADMIN_ROUTES: tuple[Route, ...] = (
    *accounts.ADMIN_ROUTES,
    *platform_figures.DASHBOARD_ROUTES,
    *platform.ADMIN_ROUTES,
    *billing_prices.TIER_ROUTES,
    *audit.ADMIN_ROUTES,
    *workspaces.ADMIN_ROUTES,
    *numbers.ADMIN_ROUTES,
    *regulatory_bundles.ADMIN_ROUTES,
    *providers.ADMIN_ROUTES,
    *templates.ADMIN_ROUTES,
    *integrations.ADMIN_ROUTES,
    *feed.ADMIN_ROUTES,  # Must precede the routes of a call, whose paths also match this path.
    *calls.ADMIN_ROUTES,
    *supervision.ADMIN_ROUTES,
    *platform_figures.ADMIN_ROUTES,
    *billing_figures.ADMIN_ROUTES,
    *billing_invoices.ADMIN_ROUTES,
    *billing_payments.ADMIN_ROUTES,
    *billing_credits.ADMIN_ROUTES,
    *billing_accounts.ADMIN_ROUTES,
    *billing_prices.ADMIN_ROUTES,
    *billing_periods.ADMIN_ROUTES,
)
