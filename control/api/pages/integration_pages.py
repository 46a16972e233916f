"""Pages to which vendors' redirects lead where no portal is configured: confirm a connection, or read why it failed."""

from typing import Annotated, Final

from aiohttp import web
from pydantic import StringConstraints

from control.accounts import rules as accounts_rules
from control.accounts.passwords import MAX_LENGTH
from control.accounts.routes import LOGIN_LIMIT, SignIn
from control.accounts.users.service import Accounts
from control.api.pages.email_pages import CODE_FIELD, EmailPage, EmailPages, Submission, respond
from control.api.pages.html import Form, InputField, render_page
from control.audit.service import Actor
from control.http.context import Context
from control.http.endpoint import EndpointDependencies
from control.integrations.grants.service import (
    ACCESS_DENIED,
    INTEGRATION_REMOVED,
    STATE_INVALID,
    VENDOR_AWAY,
    VENDOR_REFUSED,
)
from control.integrations.service import Integrations

_TITLE: Final = "The connection was not made"
_TEXTS: Final = {
    STATE_INVALID: "This link was used before, or is too old. Begin the connection again.",
    ACCESS_DENIED: "Access was not granted. Nothing was stored.",
    VENDOR_REFUSED: "The service does not accept the request. Nothing was stored; begin the connection again.",
    VENDOR_AWAY: "The service does not answer. Nothing was stored; try again later.",
    INTEGRATION_REMOVED: "The integration was removed meanwhile. Nothing was stored.",
}
_UNKNOWN: Final = "Nothing was stored. Begin the connection again."


class ConfirmingSignIn(SignIn):
    """The credentials of the member who began the connection."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


async def confirm_connection(context: Context, body: ConfirmingSignIn) -> None:
    """Completes OAuth with the password of the member who began it. Starts no session."""
    services = context.services
    user = await services[Accounts].authenticate(context.db, body.presented(), context.origin, context.now)
    actor = Actor("user", user.id, user.email, context.origin.request_id, context.origin.address)
    await services[Integrations].confirm_anywhere(context.db, actor, body.token, context.now)


CONFIRM_PAGE: Final = EmailPage(
    "/confirm-integration",
    "Complete the connection",
    "Sign in as the member who began it. Do so only if you began it yourself: it gives the workspace access to the "
    "account in which you have just granted it.",
    [
        Submission(
            Form(
                "/confirm-integration",
                "Complete the connection",
                [
                    InputField(
                        "email",
                        "Your e-mail address",
                        type="email",
                        autocomplete="username",
                        length=(1, accounts_rules.MAX_LENGTH),
                        wrong="Enter an e-mail address, such as ada@example.com.",
                    ),
                    InputField(
                        "password",
                        "Your password",
                        type="password",
                        autocomplete="current-password",
                        length=(1, MAX_LENGTH),
                        wrong=f"Enter a password of 1 to {MAX_LENGTH} characters.",
                    ),
                    CODE_FIELD,
                ],
            ),
            ConfirmingSignIn,
            confirm_connection,
            ("The connection is complete", "You can close this page."),
            LOGIN_LIMIT,
            hashes_password=True,
        )
    ],
)


class IntegrationPages:
    """Serves the pages with the dependencies of the API's endpoints."""

    def __init__(self, dependencies: EndpointDependencies) -> None:
        self._forms = EmailPages(dependencies, [CONFIRM_PAGE])

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Registers the routes."""
        self._forms.add_to(router)
        router.add_get("/integration-failed", self._show_failure)

    async def _show_failure(self, request: web.Request) -> web.Response:
        return respond(render_page(_TITLE, _TEXTS.get(request.query.get("error", ""), _UNKNOWN)))
