"""All routes of the client API."""

from control.api.client import (
    addresses,
    agents,
    auth,
    billing,
    blocked_callers,
    calls,
    invitations,
    knowledge,
    members,
    messages,
    numbers,
    privacy,
    regulatory_bundles,
    templates,
    verified_numbers,
    voice,
    workspaces,
)
from control.http.route import Route

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *workspaces.ROUTES,
    *members.ROUTES,
    *invitations.ROUTES,
    *templates.ROUTES,
    *agents.ROUTES,
    *numbers.ROUTES,
    *addresses.ROUTES,
    *regulatory_bundles.ROUTES,
    *calls.ROUTES,
    *voice.ROUTES,
    *knowledge.ROUTES,
    *messages.ROUTES,
    *blocked_callers.ROUTES,
    *verified_numbers.ROUTES,
    *privacy.ROUTES,
    *billing.ROUTES,
)
