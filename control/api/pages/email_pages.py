"""The pages behind the links in e-mails: confirm an address, choose a password, accept an invitation.

Opening a page changes nothing, because mail scanners open links, too; its form does, by a POST. Nothing but the link's
token, which the form sends along, authorises that: there are no cookies, so that a forged request has no more rights
than its author.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import ValidationError

from control.accounts import rules as accounts_rules
from control.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from control.accounts.routes import (
    LOGIN_LIMIT,
    RESET_LIMIT,
    VERIFY_LIMIT,
    LetterToken,
    NewPassword,
    SignIn,
    TokenText,
    reset_password,
    verify_email,
)
from control.accounts.users.service import Accounts
from control.api.pages.html import POLICY, FilledForm, Form, InputField, render_page
from control.audit.service import Actor
from control.db.errors import DATABASE_ERRORS, map_database_error, unavailable
from control.db.transaction import in_transaction
from control.http.body import Body
from control.http.context import Context
from control.http.endpoint import EndpointDependencies
from control.http.middleware import RETRY_AFTER_S
from control.http.request import origin_of, read_body
from control.http.responses.errors import map_validation_error
from control.http.route import MAX_OPEN_BODY_BYTES, RateLimit
from control.workspaces.routes import SIGN_UP_LIMIT, InvitedAccount, sign_up_invited
from control.workspaces.service import Workspaces
from shared.errors import Forbidden, Invalid, Malformed, Problem, TooManyRequests, Unavailable

MAX_TOKEN_LENGTH: Final = 200
_MAX_FIELDS: Final = 10
# After these refusals another try with the same link is of no use; after _USED_CODES it may have had its effect.
_USED_CODES: Final = frozenset({"token_invalid", "invitation_accepted", "confirmation_not_found"})
_FINAL_CODES: Final = _USED_CODES | {"link_incomplete", "invitation_revoked", "invitation_expired"}
_INCOMPLETE: Final = "This link is incomplete. Open it exactly as it stands in the e-mail."
_USED_TEXT: Final = "If you have just sent the form, it may have been accepted the first time."


class InvitedSignIn(SignIn):
    """The credentials of an account that an invitation was sent to."""

    token: TokenText


@dataclass(frozen=True, slots=True)
class Submission:
    """What a form does. done: title and text of the page after it. account: the body's field that the rate limit counts
    by, besides the caller's address."""

    form: Form
    body: type[Body]
    submit: Callable[[Context, Any], Awaitable[object]]
    done: tuple[str, str]
    limit: RateLimit
    hashes_password: bool = False


@dataclass(frozen=True, slots=True)
class EmailPage:
    """A page with one form or several."""

    path: str
    title: str
    text: str
    submissions: Sequence[Submission]


async def accept_as_existing_user(context: Context, body: InvitedSignIn) -> None:
    """Accepts an invitation with the password of the invited address. Starts no session."""
    user = await context.services[Accounts].authenticate(context.db, body.presented(), context.origin, context.now)
    actor = Actor("user", user.id, user.email, context.origin.request_id, context.origin.address)
    await context.services[Workspaces].invitations.accept(context.db, actor, body.token, context.now)


def _new_password(name: str, label: str) -> InputField:
    return InputField(
        name,
        label,
        type="password",
        autocomplete="new-password",
        length=(MIN_LENGTH, MAX_LENGTH),
        hint=f"At least {MIN_LENGTH} characters.",
        wrong=f"Enter a password of {MIN_LENGTH} to {MAX_LENGTH} characters.",
    )


_NAME: Final = InputField(
    "name",
    "Your name",
    type="text",
    autocomplete="name",
    length=(1, 200),  # as control.http.body.Name
    wrong="Enter a name of 1 to 200 characters.",
)
_EMAIL: Final = InputField(
    "email",
    "Your e-mail address",
    type="email",
    autocomplete="username",
    length=(1, accounts_rules.MAX_LENGTH),
    wrong="Enter an e-mail address, such as ada@example.com.",
)
_PASSWORD: Final = InputField(
    "password",
    "Your password",
    type="password",
    autocomplete="current-password",
    length=(1, MAX_LENGTH),
    wrong=f"Enter a password of 1 to {MAX_LENGTH} characters.",
)
CODE_FIELD: Final = InputField(
    "totp_code",
    "Code of your authenticator app, if you use one",
    type="text",
    autocomplete="one-time-code",
    length=(0, 6),
    wrong="Enter the six digits that your authenticator app shows.",
)
_JOINED: Final = ("You have joined the workspace", "You can close this page and sign in.")
PAGES: Final = (
    EmailPage(
        "/verify-email",
        "Confirm your e-mail address",
        "Confirm that the address to which the e-mail was sent is yours.",
        [
            Submission(
                Form("/verify-email", "Confirm this address"),
                LetterToken,
                verify_email,
                ("Your e-mail address is confirmed", "You can close this page."),
                VERIFY_LIMIT,
            )
        ],
    ),
    EmailPage(
        "/reset-password",
        "Choose a new password",
        "It replaces your old password, and you are signed out everywhere.",
        [
            Submission(
                Form(
                    "/reset-password",
                    "Set the new password",
                    [
                        _new_password("new_password", "New password"),
                    ],
                ),
                NewPassword,
                reset_password,
                ("Your password is changed", "You can close this page and sign in with the new password."),
                RESET_LIMIT,
                hashes_password=True,
            )
        ],
    ),
    EmailPage(
        "/invitation",
        "Accept the invitation",
        "The e-mail says who invites you to which workspace.",
        [
            Submission(
                Form(
                    "/invitation",
                    "Create account and join",
                    [
                        _NAME,
                        _new_password("password", "Choose a password"),
                    ],
                    heading="If you have no account yet",
                ),
                InvitedAccount,
                sign_up_invited,
                _JOINED,
                SIGN_UP_LIMIT,
                hashes_password=True,
            ),
            Submission(
                Form(
                    "/accept-invitation",
                    "Join with my account",
                    [
                        _EMAIL,
                        _PASSWORD,
                        CODE_FIELD,
                    ],
                    heading="If you have an account with this address",
                ),
                InvitedSignIn,
                accept_as_existing_user,
                _JOINED,
                LOGIN_LIMIT,
                hashes_password=True,
            ),
        ],
    ),
)


class EmailPages:
    """Serves the pages with the dependencies of the API's endpoints."""

    def __init__(self, dependencies: EndpointDependencies, pages: Sequence[EmailPage] = PAGES) -> None:
        self._dependencies, self._pages = dependencies, pages

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Registers the routes."""
        for page in self._pages:
            for path in {page.path, *(submission.form.action for submission in page.submissions)}:
                router.add_get(path, self._show(page))  # also where a person reloads a form's answer
            for submission in page.submissions:
                router.add_post(submission.form.action, self._receive(page, submission))

    def _show(self, page: EmailPage) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def show(request: web.Request) -> web.Response:
            token = request.query.get("token", "")
            if not 0 < len(token) <= MAX_TOKEN_LENGTH:
                return respond(render_page(page.title, "", error=_INCOMPLETE), 400)
            return respond(render_page(page.title, page.text, _forms(page, {"token": token})))

        return show

    def _receive(self, page: EmailPage, submission: Submission) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def receive(request: web.Request) -> web.Response:
            fields: Mapping[str, str] = {}
            try:
                await self._dependencies.limits.check(request, submission.limit)
                fields = await self._read_form(request)
                await self._submit(request, submission, fields)
            except Problem as problem:
                return _refuse(page, submission, fields, problem)
            except DATABASE_ERRORS as error:
                return _refuse(page, submission, fields, map_database_error(error) or unavailable())
            return respond(render_page(*submission.done))

        return receive

    async def _read_form(self, request: web.Request) -> Mapping[str, str]:
        """Raises Forbidden, Malformed and what `read_body` raises."""
        # Sent by all current browsers; without it the token alone decides.
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden("This form was sent by another site.", code="cross_site")
        if request.content_type != "application/x-www-form-urlencoded":
            raise Malformed("The body must be a form.", code="not_a_form")
        raw = await read_body(request, self._dependencies.body_timeout_s, MAX_OPEN_BODY_BYTES)
        try:
            return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
        except ValueError:  # not UTF-8, or too many fields
            raise Malformed("The form cannot be read.", code="not_a_form") from None

    async def _submit(self, request: web.Request, submission: Submission, fields: Mapping[str, str]) -> None:
        """Raises Problem."""
        dependencies = self._dependencies
        try:
            body = submission.body.model_validate(
                {name: text for name, text in fields.items() if text or name != CODE_FIELD.name}
            )
        except ValidationError as error:
            raise _explain(map_validation_error(error), submission.form) from None
        origin, limit = origin_of(request), submission.limit
        if limit.account:
            await dependencies.limits.check_account(request, limit, str(getattr(body, limit.account)))

        async def transact() -> None:
            await in_transaction(
                dependencies.pool,
                lambda db: submission.submit(Context(db, dependencies.services, origin, dependencies.clock()), body),
                dependencies.metrics.transaction_retries.inc,
            )

        if not submission.hashes_password:
            return await transact()
        async with dependencies.hashing_limit.acquired():
            await transact()


def _explain(problem: Problem, form: Form) -> Problem:
    """The problem in words for people, who see labels and not the names of the body's fields."""
    if problem.param == "token":
        return Invalid(_INCOMPLETE, code="link_incomplete")
    wrong = next((field.wrong for field in form.fields if field.name == problem.param), "")
    return Invalid(wrong, param=problem.param) if wrong else problem


def _forms(
    page: EmailPage, fields: Mapping[str, str], wrong: Submission | None = None, param: str | None = None
) -> list[FilledForm]:
    """The page's forms; of the wrong one the values entered, and the field that the error names."""
    token = fields.get("token", "")
    return [
        FilledForm(
            submission.form, token, dict(fields) if submission is wrong else {}, param if submission is wrong else None
        )
        for submission in page.submissions
    ]


def _refuse(page: EmailPage, submission: Submission, fields: Mapping[str, str], problem: Problem) -> web.Response:
    """The page with the error, and with its forms unless another try is of no use."""
    forms = [] if problem.code in _FINAL_CODES else _forms(page, fields, submission, problem.param)
    text = _USED_TEXT if problem.code in _USED_CODES else page.text if forms else ""
    response = respond(render_page(page.title, text, forms, problem.message), problem.status)
    match problem:
        case TooManyRequests(retry_after_s=seconds):
            response.headers["Retry-After"] = str(seconds)
        case Unavailable():
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def respond(html: str, status: int = 200) -> web.Response:
    """A page under the policy that its style sheet needs."""
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8", headers=headers)
