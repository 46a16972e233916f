"""A route's line, and what its handler's signature says about body, query, path and answer."""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from control.http.access import Access, Kind
from control.http.after import After
from control.http.context import Context
from control.http.file import FileAnswer

Handler = Callable[..., Awaitable[object]]
# The handler's name of a path parameter, the path's own, and its type.
PathPart = tuple[str, str, TypeAdapter[Any]]


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate limit. times: requests within `per_s` seconds, for each address and, where `account` names a field of the
    body (of open routes only), for each value of it. A setting may change the figures by the limit's name."""

    name: str
    times: int
    per_s: int
    account: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. beyond_spec: documented as an addition to the spec. idempotent: honours Idempotency-Key. hashes:
    checks or makes a password, which takes long: goes through the turnstile before it takes a connection."""

    method: str
    path: str
    handler: Handler
    access: Access
    status: int = 200
    idempotent: bool = False
    limit: Limit | None = None
    hashes: bool = False
    beyond_spec: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A handler's signature, read once. path: the handler's name of each path parameter, and its type.

    workspaceId of a member's route is part of its context, and not handed on. answer: None for 204 and for a file.
    file: the answer is a FileAnswer."""

    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path: tuple[PathPart, ...]
    answer: TypeAdapter[Any] | None
    summary: str
    file: bool = False


class BadRoute(TypeError):
    """A handler's signature does not fit its route; found at start."""


@cache
def shape(route: Route) -> Shape:
    """Reads the handler's signature: `(context, body=…, query=…, <path parameters>) -> answer or None`, where an
    answer that comes after the transaction is described by what comes. Raises BadRoute."""
    _check(route)
    hints = get_type_hints(route.handler, include_extras=True)
    names = list(inspect.signature(route.handler).parameters)
    context = hints.get(names[0]) if names else None
    if not (isinstance(context, type) and issubclass(context, Context)):
        raise BadRoute(f"{route.method} {route.path}: the first parameter must be a Context")
    answer = _answer(hints)
    body = _model(route, hints, "body")
    if (
        route.limit is not None
        and route.limit.account
        and (body is None or route.limit.account not in body.model_fields)
    ):
        raise BadRoute(f"{route.method} {route.path}: the body has no field {route.limit.account} to limit by")
    return Shape(
        body=body,
        query=_model(route, hints, "query"),
        path=_path(route, hints, names),
        answer=None if answer in (type(None), FileAnswer) else TypeAdapter(answer),
        summary=(inspect.getdoc(route.handler) or "").strip(),
        file=answer is FileAnswer,
    )


def path_names(path: str) -> Sequence[str]:
    """The parameters in a path, as the spec writes them."""
    return re.findall(r"\{(\w+)\}", path)


def snake(name: str) -> str:
    """workspaceId becomes workspace_id."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _check(route: Route) -> None:
    where, kind = f"{route.method} {route.path}", route.access.kind
    if kind is Kind.MEMBER and "workspaceId" not in path_names(route.path):
        raise BadRoute(f"{where}: a member's route needs {{workspaceId}}")
    if kind is Kind.OPEN and route.idempotent:
        raise BadRoute(f"{where}: a stored answer would be given to whoever has the key and no sign-in")
    if route.idempotent:
        _check_storable(route, where)
    if kind is not Kind.OPEN and route.limit is not None and route.limit.account:
        raise BadRoute(f"{where}: an account's limit is for those who aren't signed in")


def _check_storable(route: Route, where: str) -> None:
    told = get_type_hints(route.handler).get("return")
    if told is FileAnswer:
        raise BadRoute(f"{where}: a file is no answer that can be stored")
    if get_origin(told) is After:
        raise BadRoute(f"{where}: an answer that comes after the transaction cannot be stored in it")


def _answer(hints: dict[str, Any]) -> Any:
    told = hints.get("return", type(None))
    return get_args(told)[0] if get_origin(told) is After else told


def _model(route: Route, hints: dict[str, Any], name: str) -> type[BaseModel] | None:
    kind = hints.get(name)
    if kind is not None and not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        raise BadRoute(f"{route.method} {route.path}: {name} must be a pydantic model")
    return kind


def _path(route: Route, hints: dict[str, Any], names: Sequence[str]) -> tuple[PathPart, ...]:
    asked = set(names[1:]) - {"body", "query"}
    there = {snake(name): name for name in path_names(route.path)}
    if not asked <= there.keys():
        raise BadRoute(f"{route.method} {route.path}: no such path parameters: {sorted(asked - there.keys())}")
    return tuple((name, there[name], TypeAdapter(hints.get(name, UUID))) for name in sorted(asked))
