"""All routes of the admin API."""

from control.api.admin import (
    analytics,
    auth,
    billing,
    config,
    currencies,
    dashboard,
    logs,
    own_account,
    providers,
    templates,
    users,
    workspaces,
)
from control.calls import routes as calls_routes
from control.http.route import Route
from control.integrations import routes as integrations_routes
from control.numbers import routes as numbers_routes
from control.regulatory_bundles import routes as regulatory_bundles_routes

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *own_account.ROUTES,
    *users.ROUTES,
    *dashboard.ROUTES,
    *config.ROUTES,
    *logs.ROUTES,
    *workspaces.ROUTES,
    *numbers_routes.ADMIN_ROUTES,
    *regulatory_bundles_routes.ADMIN_ROUTES,
    *providers.ROUTES,
    *templates.ROUTES,
    *integrations_routes.ADMIN_ROUTES,
    *calls_routes.ADMIN_ROUTES,
    *analytics.ROUTES,
    *billing.ROUTES,
    *currencies.ROUTES,
)
