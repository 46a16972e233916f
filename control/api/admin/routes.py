"""All routes of the admin API."""

from control.agents.templates import routes as templates_routes
from control.analytics.platform_figures import routes as platform_figures_routes
from control.api.admin import auth, config, logs, own_account, users, workspaces
from control.billing.accounts import routes as billing_accounts
from control.billing.credits import routes as billing_credits
from control.billing.figures import routes as billing_figures
from control.billing.invoices import routes as billing_invoices
from control.billing.payments import routes as billing_payments
from control.billing.periods import routes as billing_periods
from control.billing.prices import routes as billing_prices
from control.calls import routes as calls_routes
from control.http.route import Route
from control.integrations import routes as integrations_routes
from control.numbers import routes as numbers_routes
from control.providers import routes as providers_routes
from control.regulatory_bundles import routes as regulatory_bundles_routes

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *own_account.ROUTES,
    *users.ROUTES,
    *platform_figures_routes.DASHBOARD_ROUTES,
    *config.ROUTES,
    *logs.ROUTES,
    *workspaces.ROUTES,
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
