"""Errors that follow from a route itself: its access, and whether it takes a body, an id or an Idempotency-Key."""

from collections.abc import Iterator, Mapping
from typing import Final

from control.http.access import AccessKind
from control.http.openapi.api_reference import ErrorCode
from control.http.route import HandlerSignature, Route, path_parameters

_EVERY: Final = (
    ErrorCode(400, "repeated_parameter", "The query names a parameter more than once."),
    ErrorCode(422, "invalid", "A field or a parameter is invalid; `errors` names each."),
    ErrorCode(422, "nul", "A text holds the character NUL."),
    ErrorCode(500, "internal", "Something went wrong on our side."),
    ErrorCode(503, "unavailable", "The database is busy or away. Try again in a moment."),
)
_RECENT: Final = ErrorCode(
    403, "reauthentication_required", "The sign-in is too long ago: prove again who you are, then repeat the request."
)
_RULES: Final = (
    ErrorCode(403, "second_factor_required", "The workspace demands a second factor, which the caller lacks."),
    ErrorCode(403, "sso_required", "The workspace demands single sign-on of this member."),
    ErrorCode(403, "sso_of_another_workspace", "The session is good in the workspace of its single sign-on only."),
)
_SIGNED_IN: Final = (
    ErrorCode(401, "no_token", "This needs a bearer token."),
    ErrorCode(401, "token_invalid", "This token is not valid."),
    ErrorCode(401, "token_expired", "This token has expired."),
    ErrorCode(401, "session_over", "This sign-in is over."),
    ErrorCode(401, "account_deactivated", "The staff deactivated this account."),
)
# Errors of routes for users and members, whether they accept keys or not.
_KEY: Final = (
    ErrorCode(401, "key_invalid", "There is no such API key; it may have been revoked."),
    ErrorCode(401, "key_expired", "This API key has expired, or was replaced by a rotation."),
    ErrorCode(401, "key_without_holder", "The member who holds this API key has left the workspace."),
    ErrorCode(429, "too_many_requests", "Too many requests of this kind, or with API keys. Wait a moment."),
)
_KEY_REFUSED: Final = ErrorCode(403, "key_not_accepted", "No API key is accepted here; a member has to sign in.")
_KEY_SCOPE: Final = ErrorCode(403, "scope", "The API key does not have the scope that this needs.")
_ROLE: Final = ErrorCode(403, "role", "The caller's role may not do this.")
_WORKSPACE: Final = ErrorCode(404, "workspace_not_found", "There is no such workspace, or the caller is no member.")
_PATH: Final = ErrorCode(404, "not_found", "The address holds no valid id.")
_BODY: Final = (
    ErrorCode(400, "not_json", "The body is not valid JSON."),
    ErrorCode(400, "broken_body", "The body broke off or is badly encoded."),
    ErrorCode(408, "too_slow", "The body did not arrive in time."),
    ErrorCode(413, "too_large", "The body is too long."),
    ErrorCode(415, "not_json", "The body must be application/json."),
)
_UPLOAD: Final = tuple(error for error in _BODY if error.code != "not_json")
_LIMIT: Final = ErrorCode(429, "too_many_requests", "Too many requests of this kind. Wait a moment.")
# Errors of lists with cursors, by the cursors in the query.
_CURSORS: Final[Mapping[str, tuple[ErrorCode, ...]]] = {
    "starting_after": (
        ErrorCode(422, "cursor_unknown", "No row of this list has the id of the cursor."),
        ErrorCode(422, "page_and_cursor", "A page and a cursor exclude each other."),
    ),
    "ending_before": (ErrorCode(422, "two_cursors", "Two cursors exclude each other."),),
}
_HASHING: Final = ErrorCode(503, "busy", "Too many sign-ins at once; try again in a moment.")
_IDEMPOTENT: Final = (
    ErrorCode(409, "idempotency_in_flight", "A request with this Idempotency-Key is being worked on."),
    ErrorCode(422, "idempotency_mismatch", "This Idempotency-Key was used for another request."),
)


def route_errors(route: Route, signature: HandlerSignature) -> Iterator[ErrorCode]:
    """Yield all errors that do not depend on the operation's rules."""
    yield from _EVERY
    kind = route.access.kind
    if kind is not AccessKind.OPEN:
        yield from _SIGNED_IN
    if kind in (AccessKind.USER, AccessKind.MEMBER):
        yield from _KEY
        yield _KEY_REFUSED if route.access.scope is None else _KEY_SCOPE
    if kind in (AccessKind.MEMBER, AccessKind.ADMIN):
        yield _ROLE
    if kind is AccessKind.MEMBER:
        yield _WORKSPACE
        yield from _RULES
    if route.needs_recent_sign_in:
        yield _RECENT
    if path_parameters(route.path):
        yield _PATH
    for name in signature.query.model_fields if signature.query is not None else ():
        yield from _CURSORS.get(name, ())
    if signature.body is not None:
        yield from _BODY
    if signature.upload:
        yield from _UPLOAD
    if route.limits and kind not in (AccessKind.USER, AccessKind.MEMBER):
        yield _LIMIT
    if route.hashes_password:
        yield _HASHING
    if route.idempotent:
        yield from _IDEMPOTENT
