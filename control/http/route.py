"""Declares a route, and reads body, query, path and response types from its handler's signature."""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from control.http.access import Access, AccessKind
from control.http.context import Context
from control.http.responses.after_commit import AfterCommit, CheckedChange, IdempotentAfterCommit
from control.http.responses.file_response import FileResponse
from control.http.responses.json_or_pdf import JsonOrPdf
from control.http.responses.live_response import LiveResponse
from control.http.responses.redirect import Redirect
from control.http.responses.streamed_file import StreamedFile

RouteHandler = Callable[..., Awaitable[object]]
# Size limit of a body on a route without authorization, such as sign-in and sign-up.
MAX_OPEN_BODY_BYTES: Final = 16_384
SessionEffect = Literal["begins", "renews", "ends"]
# A path parameter: its name in the handler, its name in the path, and its type.
PathPart = tuple[str, str, TypeAdapter[Any]]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit of routes. A setting may override the values by the limit's name.

    Attributes:
        times: Number of requests within `per_s` seconds per address. If `account` names a field of the body, also per
            value of this field (open routes only).
        per_user: Whether to count by user or admin instead of by address.
    """

    name: str
    times: int
    per_s: int
    account: str = ""
    per_user: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint.

    Attributes:
        idempotent: Whether the route supports Idempotency-Key.
        hashes_password: Hashing takes long, so the request passes the hashing limit before it takes a connection.
        is_heavy: Whether the route blocks the event loop even with a short body. The request then passes the limit of
            heavy requests.
        beyond_spec: Whether the route is an addition to the specification. docs/develop/api-additions.md lists it.
        check_limit: Limits the checks of a CheckedChange per user and per workspace, regardless of the address.
        upload_bytes: Size limit of the file for the handler's parameter `upload` (bytes). The file is the raw body, of
            any type.
        needs_recent_sign_in: Whether the caller must have signed in, or proved their identity again, a few minutes ago.
        session: What a success does to the caller's session. The browser's cookies follow. None: nothing.
        errors: Errors of the rules behind the handler, such as "404 agent_not_found". Errors that follow from the route
            itself are not listed (control/http/openapi/route_errors.py). control/api/error_texts.py has the texts.
    """

    method: str
    path: str
    handler: RouteHandler
    access: Access
    status: int = 200
    idempotent: bool = False
    limit: RateLimit | None = None
    hashes_password: bool = False
    is_heavy: bool = False
    beyond_spec: bool = False
    check_limit: RateLimit | None = None
    upload_bytes: int = 0
    needs_recent_sign_in: bool = False
    session: SessionEffect | None = None
    errors: tuple[str, ...] = ()

    @property
    def limits(self) -> tuple[RateLimit, ...]:
        """All limits of the route."""
        return tuple(limit for limit in (self.limit, self.check_limit) if limit is not None)

    @property
    def max_body_bytes(self) -> int | None:
        """Size limit of the body. None: only the application's limit applies.

        An open route has a small limit, because anyone may send a body.
        """
        return MAX_OPEN_BODY_BYTES if self.access.kind is AccessKind.OPEN else None


@dataclass(frozen=True, slots=True)
class HandlerSignature:
    """A handler's signature.

    Attributes:
        path: Path parameters, without workspaceId on a member's route, which is in the context.
        response: Type of the response. None for 204, for a file and for a redirect.
        file: Whether the response is a FileResponse.
        pdf: Whether the response is a PDF if the caller asks for one.
        streamed: Whether the response is a StreamedFile.
        live: Whether the response is a LiveResponse.
        redirect: Whether the response is a Redirect.
        upload: Whether the body is a file.
    """

    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path: tuple[PathPart, ...]
    response: TypeAdapter[Any] | None
    summary: str
    file: bool = False
    pdf: bool = False
    streamed: bool = False
    live: bool = False
    redirect: bool = False
    upload: bool = False


class InvalidRoute(TypeError):
    """A handler's signature does not match its route. Raised at start-up."""


# Types of results that are not JSON.
_WITHOUT_BODY: Final = (type(None), FileResponse, StreamedFile, LiveResponse, Redirect)


@cache
def read_signature(route: Route) -> HandlerSignature:
    """Read the handler's signature: `(context, body=…, query=…, <path parameters>) -> response or None`.

    AfterCommit[T], IdempotentAfterCommit[T], CheckedChange[T] and JsonOrPdf[T] count as T. Raises InvalidRoute."""
    _check(route)
    hints = get_type_hints(route.handler, include_extras=True)
    names = list(inspect.signature(route.handler).parameters)
    context = hints.get(names[0]) if names else None
    if not (isinstance(context, type) and issubclass(context, Context)):
        raise InvalidRoute(f"{route.method} {route.path}: the first parameter must be a Context")
    response = _response_type(hints)
    body = _model(route, hints, "body")
    if (
        route.limit is not None
        and route.limit.account
        and (body is None or route.limit.account not in body.model_fields)
    ):
        raise InvalidRoute(f"{route.method} {route.path}: the body has no field {route.limit.account} to limit by")
    return HandlerSignature(
        body=body,
        query=_model(route, hints, "query"),
        path=_path(route, hints, names),
        response=None if response in _WITHOUT_BODY else TypeAdapter(response),
        summary=(inspect.getdoc(route.handler) or "").strip(),
        file=response is FileResponse,
        pdf=get_origin(hints.get("return")) is JsonOrPdf,
        streamed=response is StreamedFile,
        live=response is LiveResponse,
        redirect=response is Redirect,
        upload=_takes_upload(route, hints),
    )


def path_parameters(path: str) -> Sequence[str]:
    """Return the names of the parameters in a path, in the spelling of the specification."""
    return re.findall(r"\{(\w+)\}", path)


def snake_case(name: str) -> str:
    """Return the name in snake case: `workspaceId` becomes `workspace_id`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _check(route: Route) -> None:
    where, kind = f"{route.method} {route.path}", route.access.kind
    if kind is AccessKind.MEMBER and "workspaceId" not in path_parameters(route.path):
        raise InvalidRoute(f"{where}: a member's route needs {{workspaceId}}")
    if kind is AccessKind.OPEN and route.idempotent:
        raise InvalidRoute(f"{where}: a stored response would be given to anybody who has the key")
    if route.idempotent:
        _check_storable(route, where)
    if kind is not AccessKind.OPEN and route.limit is not None and route.limit.account:
        raise InvalidRoute(f"{where}: a limit per account is for open routes only")
    if route.needs_recent_sign_in and (kind is AccessKind.OPEN or route.access.scope is not None):
        raise InvalidRoute(f"{where}: without a session there is no recent sign-in")
    if kind is AccessKind.OPEN and route.check_limit is not None:
        raise InvalidRoute(f"{where}: on an open route nobody is known to limit checks by")
    if kind is AccessKind.OPEN and route.limit is not None and route.limit.per_user:
        raise InvalidRoute(f"{where}: an open route has no user to limit")


def _check_storable(route: Route, where: str) -> None:
    returned = get_type_hints(route.handler).get("return")
    if returned in (FileResponse, StreamedFile, LiveResponse) or get_origin(returned) is JsonOrPdf:
        raise InvalidRoute(f"{where}: a file cannot be stored for an Idempotency-Key")
    if get_origin(returned) is AfterCommit:
        raise InvalidRoute(
            f"{where}: a response computed after the commit cannot be stored in the transaction; "
            "return an IdempotentAfterCommit"
        )


def _response_type(hints: dict[str, Any]) -> Any:
    returned = hints.get("return", type(None))
    is_wrapped = get_origin(returned) in (AfterCommit, IdempotentAfterCommit, CheckedChange, JsonOrPdf)
    return get_args(returned)[0] if is_wrapped else returned


def _model(route: Route, hints: dict[str, Any], name: str) -> type[BaseModel] | None:
    kind = hints.get(name)
    if kind is not None and not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        raise InvalidRoute(f"{route.method} {route.path}: {name} must be a pydantic model")
    return kind


def _takes_upload(route: Route, hints: dict[str, Any]) -> bool:
    kind = hints.get("upload")
    is_open = route.access.kind is AccessKind.OPEN
    if (kind is bytes) != (route.upload_bytes > 0) or (kind is bytes and ("body" in hints or is_open)):
        raise InvalidRoute(f"{route.method} {route.path}: upload must be bytes, bounded, the only body, and not open")
    return kind is bytes


def _path(route: Route, hints: dict[str, Any], names: Sequence[str]) -> tuple[PathPart, ...]:
    parameters = set(names[1:]) - {"body", "query", "upload"}
    in_path = {snake_case(name): name for name in path_parameters(route.path)}
    if not parameters <= in_path.keys():
        raise InvalidRoute(
            f"{route.method} {route.path}: no such path parameters: {sorted(parameters - in_path.keys())}"
        )
    return tuple((name, in_path[name], TypeAdapter(hints.get(name, UUID))) for name in sorted(parameters))
