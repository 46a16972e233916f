"""All routes of the client API."""

from control.api.client import agents, auth, calls, invitations, members, numbers, templates, voice, workspaces
from control.http.route import Route

ROUTES: tuple[Route, ...] = (
    *auth.ROUTES,
    *workspaces.ROUTES,
    *members.ROUTES,
    *invitations.ROUTES,
    *templates.ROUTES,
    *agents.ROUTES,
    *numbers.ROUTES,
    *calls.ROUTES,
    *voice.ROUTES,
)
