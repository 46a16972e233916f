"""The OpenAPI 3.1 document, from the very types and route lines that validate: there is no second copy to drift."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from control.http.access import WORKSPACE_ROLES, Kind
from control.http.route import PathPart, Route, Shape, path_names, shape

Schema = dict[str, Any]
_Input = tuple[str, JsonSchemaMode, TypeAdapter[Any]]

REF = "#/components/schemas/{model}"
ERROR_TEXT = {
    400: "The request cannot be read.",
    401: "No valid sign-in.",
    403: "Signed in, but may not.",
    404: "Not there, or not for the one who asks.",
    408: "The body did not come in time.",
    409: "At odds with what is there.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    422: "A field is wrong; `param` names it.",
    429: "Too often; `Retry-After` tells the seconds to wait.",
    500: "A fault of ours.",
    503: "Something that is needed is away; worth another try.",
}
_TEXT_OR_NULL = {"anyOf": [{"type": "string"}, {"type": "null"}]}
ERROR_SCHEMA: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message", "param", "request_id"],
            "properties": {
                "type": {"type": "string", "description": "The kind of error.", "examples": ["invalid_request"]},
                "code": {"type": "string", "description": "Stable, for programs.", "examples": ["invalid"]},
                "message": {"type": "string", "description": "For people."},
                "param": _TEXT_OR_NULL
                | {"description": "The field at fault, dotted.", "examples": ["config.greeting"]},
                "request_id": {"type": "string", "format": "uuid", "description": "As in X-Request-Id."},
            },
        }
    },
}


class Notice(Protocol):
    """An address that somebody's machines post to in a format of their own, and what for."""

    @property
    def path(self) -> str: ...

    @property
    def summary(self) -> str: ...


def document(routes: Iterable[Route], notices: Iterable[Notice] = (), *, version: str, public_url: str) -> Schema:
    """The whole API. notices: addresses beside it, which check their callers' signatures."""
    shaped = [(route, shape(route)) for route in routes]
    schemas, components = _schemas(shaped)
    names = short_names(components)
    paths: dict[str, Schema] = {}
    for route, its in shaped:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, its, schemas)
    for notice in notices:
        paths[notice.path] = {"post": _notice(notice)}
    told: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "Vocalized", "version": version, "description": "Phone agents for businesses."},
        "servers": [{"url": public_url}],
        "tags": [{"name": name} for name in dict.fromkeys(tag(route) for route, _ in shaped)],
        "paths": paths,
        "components": {
            "schemas": components | {"Error": ERROR_SCHEMA},
            "securitySchemes": {
                "user": _bearer("The token of a user's sign-in (POST /auth/login)."),
                "admin": _bearer("The token of a staff member's sign-in (POST /admin/auth/login)."),
            },
        },
    }
    renamed: Schema = _renamed(told, names)
    return renamed


def short_names(components: Iterable[str]) -> dict[str, str]:
    """pydantic tells types of one name apart by their modules; here the staff's are told from the customers'."""
    names: dict[str, str] = {}
    for long in sorted(name for name in components if "__" in name):
        module, _, name = long.rpartition("__")
        short = f"Admin{name}" if "__admin__" in module else name
        if short not in names.values() and short not in components:
            names[long] = short
    return names


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    if isinstance(part, list):
        return [_renamed(item, names) for item in part]
    if not isinstance(part, dict):
        return part
    told = {names.get(name, name): _renamed(value, names) for name, value in part.items()}
    if isinstance(told.get("$ref"), str):
        prefix, _, name = told["$ref"].rpartition("/")
        told["$ref"] = f"{prefix}/{names.get(name, name)}"
    return told


def query_names(route: Route) -> set[str]:
    """The parameters that a route's query takes."""
    query = shape(route).query
    fields = query.model_fields if query is not None else {}
    return {field.alias or name for name, field in fields.items()}


def body_schema(route: Route) -> Schema:
    """The JSON Schema of a route's body, with its `$defs`; empty without a body."""
    body = shape(route).body
    return body.model_json_schema() if body is not None else {}


def answer_schema(route: Route) -> Schema:
    """The JSON Schema of a route's answer, with its `$defs`; empty for 204."""
    answer = shape(route).answer
    return answer.json_schema(mode="serialization") if answer is not None else {}


def tag(route: Route) -> str:
    """The section that a route stands in: "Admin: workspaces", "Agents"."""
    parts = [part for part in route.path.split("/") if part and not part.startswith("{")]
    if parts[0] == "admin":
        return f"Admin: {parts[1]}"
    noun = parts[1] if parts[0] == "workspaces" and len(parts) > 1 and parts[1] in _NOUNS else parts[0]
    return noun.capitalize()


# What stands under a workspace in paths and is a section of its own.
_NOUNS = frozenset(
    {"agents", "members", "invitations", "numbers", "calls", "integrations", "billing", "analytics", "voice"}
)


def _key(route: Route, part: str) -> str:
    return f"{route.method} {route.path} {part}"


def _schemas(shaped: list[tuple[Route, Shape]]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schema of each part of each route by its key, and all the named types that they lean on."""
    inputs: list[_Input] = []
    for route, its in shaped:
        if its.body is not None:
            inputs.append((_key(route, "body"), "validation", TypeAdapter(its.body)))
        if its.answer is not None:
            inputs.append((_key(route, "answer"), "serialization", its.answer))
        inputs += [(_key(route, f"path {spelt}"), "validation", kind) for _, spelt, kind in its.path]
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template=REF)
    return {key: schema for (key, _), schema in made.items()}, definitions.get("$defs", {})


def _operation(route: Route, its: Shape, schemas: dict[str, Schema]) -> Schema:
    summary, _, rest = its.summary.partition("\n")
    operation: Schema = {
        "operationId": operation_id(route),
        "tags": [tag(route)],
        "summary": summary.rstrip("."),
        "parameters": [*_path_parameters(route, its, schemas), *_query_parameters(route, its), *_headers(route)],
        "responses": _responses(route, its, schemas),
        "security": _security(route),
    }
    if rest.strip():
        operation["description"] = rest.strip()
    if route.access.roles:
        operation["x-roles"] = _roles(route)
    if its.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(schemas[_key(route, "body")])}
    return operation


def _notice(notice: Notice) -> Schema:
    texts = {status: ERROR_TEXT[status] for status in (400, 408, 413, 415, 422, 500, 503)}
    texts[403] = "Not signed by the one whose message it says it is."
    error = _json({"$ref": "#/components/schemas/Error"})
    return {
        "tags": ["Webhooks"],
        "operationId": notice.path.strip("/").replace("/", "_"),
        "summary": notice.summary,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
                "application/json": {"schema": {"type": "object"}},
            },
        },
        "responses": {
            "200": {"description": "Taken; where the sender wants instructions, with them."},
            "204": {"description": "Taken."},
            **{str(status): {"description": text, "content": error} for status, text in sorted(texts.items())},
        },
    }


def operation_id(route: Route) -> str:
    """The handler's name, with its side where both have one of that name."""
    name = getattr(route.handler, "__name__", "")
    return f"admin_{name}" if route.path.startswith("/admin/") and not name.startswith("admin_") else name


def _path_parameters(route: Route, its: Shape, schemas: dict[str, Schema]) -> list[Schema]:
    typed = {spelt for _, spelt, _ in its.path}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas[_key(route, f"path {name}")] if name in typed else {"type": "string", "format": "uuid"},
        }
        for name in path_names(route.path)
    ]


def _query_parameters(route: Route, its: Shape) -> list[Schema]:
    if its.query is None:
        return []
    return [_query_parameter(its.query, name) for name in its.query.model_fields]


def _query_parameter(query: type[BaseModel], name: str) -> Schema:
    whole = query.model_json_schema(ref_template=REF)
    field = query.model_fields[name]
    spelt = field.alias or name
    schema: Schema = _given(_inlined(whole["properties"][spelt], whole))
    description = schema.pop("description", "")
    parameter: Schema = {"name": spelt, "in": "query", "required": field.is_required(), "schema": schema}
    return parameter | ({"description": description} if description else {})


def _given(schema: Schema) -> Schema:
    """Of a parameter that is there: null is how our types say that it is not."""
    told = {key: value for key, value in schema.items() if key != "title" and not (key == "default" and value is None)}
    choices: list[Schema] = [choice for choice in told.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del told["anyOf"]
        return choices[0] | told
    return told | ({"anyOf": choices} if choices else {})


def _inlined(schema: Any, whole: Schema) -> Any:
    """A parameter's schema without references: enumerations are short."""
    if isinstance(schema, list):
        return [_inlined(part, whole) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    return {key: _inlined(part, whole) for key, part in schema.items()}


def _headers(route: Route) -> list[Schema]:
    if not route.idempotent:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A repeat under the same key gets the first request's answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        }
    ]


def _responses(route: Route, its: Shape, schemas: dict[str, Schema]) -> Schema:
    responses: Schema
    if its.file:
        binary = {"schema": {"type": "string", "format": "binary"}}
        responses = {
            "200": {"description": "The file.", "content": {"audio/wav": binary}},
            "206": {"description": "The stretch that was asked for.", "content": {"audio/wav": binary}},
            "302": {"description": "Where the file lies, for a moment."},
            "416": {"description": "The range lies outside of the file."},
        }
    elif its.answer is None:
        responses = {"204": {"description": "Done."}}
    else:
        responses = {
            str(route.status): {"description": "Done.", "content": _json(schemas[_key(route, "answer")])},
        }
    for status in statuses(route, its.path, its.body is not None):
        responses[str(status)] = {
            "description": ERROR_TEXT[status],
            "content": _json({"$ref": "#/components/schemas/Error"}),
        }
    return responses


def statuses(route: Route, path: tuple[PathPart, ...], has_body: bool) -> list[int]:
    """The errors that a route can answer with. 401 and 429 are for all: open routes take passwords and tokens, too, and
    whoever checks one, a second factor's code included, locks out who guesses. So is 403: a role is not the only thing
    that somebody may lack."""
    kind = route.access.kind
    found = {400, 401, 403, 409, 422, 429, 500, 503}
    if path or kind is not Kind.USER:
        found |= {404}
    if has_body:
        found |= {408, 413, 415}
    return sorted(found)


def _security(route: Route) -> list[dict[str, list[str]]]:
    kind = route.access.kind
    if kind is Kind.OPEN:
        return []
    return [{"admin" if kind is Kind.ADMIN else "user": []}]


def _roles(route: Route) -> list[str]:
    """From most to least, so that the last one of a member's route is the least."""
    if route.access.kind is Kind.MEMBER:
        return [role for role in WORKSPACE_ROLES if role in route.access.roles]
    return sorted(route.access.roles, key=lambda role: (role != "super_admin", role))


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _bearer(description: str) -> Schema:
    return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}
