"""All routes of the client API: each noun's lines, put together."""

from control.api.client import auth, invitations, members, workspaces
from control.http.route import Route

ROUTES: tuple[Route, ...] = (*auth.ROUTES, *invitations.ROUTES, *members.ROUTES, *workspaces.ROUTES)
