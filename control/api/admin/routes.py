"""All routes of the admin API."""

from control.api.admin import (
    analytics,
    auth,
    billing,
    config,
    currencies,
    dashboard,
    integrations,
    logs,
    numbers,
    own_account,
    providers,
    templates,
    users,
    workspaces,
)
from control.calls import routes as calls_routes
from control.http.route import Route

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *own_account.ROUTES,
    *users.ROUTES,
    *dashboard.ROUTES,
    *config.ROUTES,
    *logs.ROUTES,
    *workspaces.ROUTES,
    *numbers.ROUTES,
    *providers.ROUTES,
    *templates.ROUTES,
    *integrations.ROUTES,
    *calls_routes.ADMIN_ROUTES,
    *analytics.ROUTES,
    *billing.ROUTES,
    *currencies.ROUTES,
)
