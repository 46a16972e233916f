"""All routes of the admin API."""

from control.api.admin import (
    auth,
    billing,
    calls,
    config,
    dashboard,
    integrations,
    logs,
    numbers,
    providers,
    templates,
    users,
    workspaces,
)
from control.http.route import Route

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *users.ROUTES,
    *dashboard.ROUTES,
    *config.ROUTES,
    *logs.ROUTES,
    *workspaces.ROUTES,
    *numbers.ROUTES,
    *providers.ROUTES,
    *templates.ROUTES,
    *integrations.ROUTES,
    *calls.ROUTES,
    *billing.ROUTES,
)
