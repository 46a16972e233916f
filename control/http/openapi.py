"""Makes the OpenAPI 3.1 document from the routes and types that validate requests, so that the two cannot differ."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from control.http.access import WORKSPACE_ROLES, AccessKind
from control.http.route import HandlerSignature, PathPart, Route, path_parameters, read_signature

Schema = dict[str, Any]
_Input = tuple[str, JsonSchemaMode, TypeAdapter[Any]]

REF = "#/components/schemas/{model}"
ERROR_TEXT = {
    400: "The request cannot be read.",
    401: "No valid sign-in.",
    403: "Signed in, but not allowed.",
    404: "Does not exist, or is not visible to the caller.",
    408: "The body did not arrive in time.",
    409: "Conflicts with the present state.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    422: "A field is invalid; `param` names it.",
    429: "Too many requests; `Retry-After` has the seconds to wait.",
    500: "An internal error.",
    503: "A service that is needed is unavailable; try again later.",
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
                "param": _TEXT_OR_NULL | {"description": "The invalid field, dotted.", "examples": ["config.greeting"]},
                "request_id": {"type": "string", "format": "uuid", "description": "The same as in X-Request-Id."},
            },
        }
    },
}


class WebhookOperation(Protocol):
    """An address to which an outside service posts in a format of its own. summary: what it posts."""

    @property
    def path(self) -> str: ...

    @property
    def summary(self) -> str: ...


def make_document(
    routes: Iterable[Route],
    webhooks: Iterable[WebhookOperation] = (),
    *,
    version: str,
    public_url: str,
    published_names: Mapping[str, str] | None = None,
) -> Schema:
    """The document of the whole API. webhooks: addresses beside it, which check the sender's signature.
    published_names: names of schemas that differ from the name of their class, by the class's name."""
    signed = [(route, read_signature(route)) for route in routes]
    schemas, components = _schemas(signed)
    paths: dict[str, Schema] = {}
    for route, signature in signed:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, signature, schemas)
    for webhook in webhooks:
        paths[webhook.path] = {"post": _webhook_operation(webhook)}
    document: Schema = {
        "openapi": "3.1.0",
        "info": {"title": "Vocalized", "version": version, "description": "Phone agents for businesses."},
        "servers": [{"url": public_url}],
        "tags": [{"name": name} for name in dict.fromkeys(tag(route) for route, _ in signed)],
        "paths": paths,
        "components": {
            "schemas": components | {"Error": ERROR_SCHEMA},
            "securitySchemes": {
                "user": _bearer("The token of a user's sign-in (POST /auth/login)."),
                "admin": _bearer("The token of a staff member's sign-in (POST /admin/auth/login)."),
            },
        },
    }
    renamed: Schema = _rename_schemas(document, published_names or {})
    return renamed


def _rename_schemas(part: Any, names: Mapping[str, str]) -> Any:
    if isinstance(part, list):
        return [_rename_schemas(item, names) for item in part]
    if not isinstance(part, dict):
        return part
    renamed = {names.get(name, name): _rename_schemas(value, names) for name, value in part.items()}
    if isinstance(renamed.get("$ref"), str):
        prefix, _, name = renamed["$ref"].rpartition("/")
        renamed["$ref"] = f"{prefix}/{names.get(name, name)}"
    return renamed


def query_names(route: Route) -> set[str]:
    """The names of a route's query parameters."""
    query = read_signature(route).query
    fields = query.model_fields if query is not None else {}
    return {field.alias or name for name, field in fields.items()}


def body_schema(route: Route) -> Schema:
    """The JSON Schema of a route's body, with its `$defs`; empty without a body."""
    body = read_signature(route).body
    return body.model_json_schema() if body is not None else {}


def response_schema(route: Route) -> Schema:
    """The JSON Schema of a route's response, with its `$defs`; empty for 204."""
    response = read_signature(route).response
    return response.json_schema(mode="serialization") if response is not None else {}


def tag(route: Route) -> str:
    """The section of a route: "Admin: workspaces", "Agents"."""
    parts = [part for part in route.path.split("/") if part and not part.startswith("{")]
    if parts[0] == "admin":
        return f"Admin: {parts[1]}"
    noun = parts[1] if parts[0] == "workspaces" and len(parts) > 1 and parts[1] in _NOUNS else parts[0]
    return noun.capitalize()


# Path segments under a workspace that are sections of their own.
_NOUNS = frozenset(
    {"agents", "members", "invitations", "numbers", "calls", "integrations", "billing", "analytics", "voice"}
)


def _key(route: Route, part: str) -> str:
    return f"{route.method} {route.path} {part}"


def _schemas(signed: list[tuple[Route, HandlerSignature]]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """The schema of each part of each route by `_key`, and the named types that these refer to."""
    inputs: list[_Input] = []
    for route, signature in signed:
        if signature.body is not None:
            inputs.append((_key(route, "body"), "validation", TypeAdapter(signature.body)))
        if signature.response is not None:
            inputs.append((_key(route, "response"), "serialization", signature.response))
        inputs += [(_key(route, f"path {path_name}"), "validation", kind) for _, path_name, kind in signature.path]
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template=REF)
    return {key: schema for (key, _), schema in made.items()}, definitions.get("$defs", {})


def _operation(route: Route, signature: HandlerSignature, schemas: dict[str, Schema]) -> Schema:
    summary, _, rest = signature.summary.partition("\n")
    operation: Schema = {
        "operationId": operation_id(route),
        "tags": [tag(route)],
        "summary": summary.rstrip("."),
        "parameters": [
            *_path_parameters(route, signature, schemas),
            *_query_parameters(route, signature),
            *_headers(route),
        ],
        "responses": _responses(route, signature, schemas),
        "security": _security(route),
    }
    if rest.strip():
        operation["description"] = rest.strip()
    if route.access.roles:
        operation["x-roles"] = _roles(route)
    if signature.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(schemas[_key(route, "body")])}
    return operation


def _webhook_operation(webhook: WebhookOperation) -> Schema:
    texts = {status: ERROR_TEXT[status] for status in (400, 408, 413, 415, 422, 500, 503)}
    texts[403] = "The signature is not that of the sender."
    error = _json({"$ref": "#/components/schemas/Error"})
    return {
        "tags": ["Webhooks"],
        "operationId": webhook.path.strip("/").replace("/", "_"),
        "summary": webhook.summary,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
                "application/json": {"schema": {"type": "object"}},
            },
        },
        "responses": {
            "200": {"description": "Accepted, with instructions where the sender expects them."},
            "204": {"description": "Accepted."},
            **{str(status): {"description": text, "content": error} for status, text in sorted(texts.items())},
        },
    }


def operation_id(route: Route) -> str:
    """The handler's name, prefixed with "admin_" on the staff's side."""
    name = getattr(route.handler, "__name__", "")
    return f"admin_{name}" if route.path.startswith("/admin/") and not name.startswith("admin_") else name


def _path_parameters(route: Route, signature: HandlerSignature, schemas: dict[str, Schema]) -> list[Schema]:
    typed = {path_name for _, path_name, _ in signature.path}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas[_key(route, f"path {name}")] if name in typed else {"type": "string", "format": "uuid"},
        }
        for name in path_parameters(route.path)
    ]


def _query_parameters(route: Route, signature: HandlerSignature) -> list[Schema]:
    if signature.query is None:
        return []
    return [_query_parameter(signature.query, name) for name in signature.query.model_fields]


def _query_parameter(query: type[BaseModel], name: str) -> Schema:
    whole = query.model_json_schema(ref_template=REF)
    field = query.model_fields[name]
    alias = field.alias or name
    schema: Schema = _without_null(_inlined(whole["properties"][alias], whole))
    description = schema.pop("description", "")
    parameter: Schema = {"name": alias, "in": "query", "required": field.is_required(), "schema": schema}
    return parameter | ({"description": description} if description else {})


def _without_null(schema: Schema) -> Schema:
    """The schema without null, which in our types means that the parameter is absent."""
    kept = {key: value for key, value in schema.items() if key != "title" and not (key == "default" and value is None)}
    choices: list[Schema] = [choice for choice in kept.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del kept["anyOf"]
        return choices[0] | kept
    return kept | ({"anyOf": choices} if choices else {})


def _inlined(schema: Any, whole: Schema) -> Any:
    """The schema with its references replaced by what they refer to."""
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
            "description": "A repeated request with the same key gets the response of the first one.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        }
    ]


def _responses(route: Route, signature: HandlerSignature, schemas: dict[str, Schema]) -> Schema:
    responses: Schema
    if signature.file:
        binary = {"schema": {"type": "string", "format": "binary"}}
        responses = {
            "200": {"description": "The file.", "content": {"audio/wav": binary}},
            "206": {"description": "The requested range.", "content": {"audio/wav": binary}},
            "302": {"description": "A redirect to a short-lived address of the file."},
            "416": {"description": "The range is outside the file."},
        }
    elif signature.response is None:
        responses = {"204": {"description": "Done."}}
    else:
        responses = {
            str(route.status): {"description": "Done.", "content": _json(schemas[_key(route, "response")])},
        }
    for status in statuses(route, signature.path, signature.body is not None):
        responses[str(status)] = {
            "description": ERROR_TEXT[status],
            "content": _json({"$ref": "#/components/schemas/Error"}),
        }
    return responses


def statuses(route: Route, path: tuple[PathPart, ...], has_body: bool) -> list[int]:
    """The errors that a route can respond with. 401 and 429 hold for all routes: open ones take passwords and tokens,
    too, and each check of a secret, a second factor's code included, has a lock-out. So does 403: it is not only for a
    missing role."""
    kind = route.access.kind
    found = {400, 401, 403, 409, 422, 429, 500, 503}
    if path or kind is not AccessKind.USER:
        found |= {404}
    if has_body:
        found |= {408, 413, 415}
    return sorted(found)


def _security(route: Route) -> list[dict[str, list[str]]]:
    kind = route.access.kind
    if kind is AccessKind.OPEN:
        return []
    return [{"admin" if kind is AccessKind.ADMIN else "user": []}]


def _roles(route: Route) -> list[str]:
    """From most to least, so that the last role of a member's route is the least one that may call."""
    if route.access.kind is AccessKind.MEMBER:
        return [role for role in WORKSPACE_ROLES if role in route.access.roles]
    return sorted(route.access.roles, key=lambda role: (role != "super_admin", role))


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _bearer(description: str) -> Schema:
    return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}
