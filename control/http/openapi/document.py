"""Makes the OpenAPI 3.1 document from the routes and types that validate requests, so that the two cannot differ."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, Protocol

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from control.http.access import AccessKind
from control.http.key_text import PATTERN, WORKSPACE_ROLES
from control.http.openapi.api_reference import ApiReference, ErrorCode
from control.http.openapi.responses import HEADERS, error_response, make_examples, make_responses
from control.http.openapi.route_errors import route_errors
from control.http.openapi.schemas import REF, complete_schemas, plain_schema, rename_schemas, with_example
from control.http.openapi.webhooks import EventText, event_inputs, make_webhooks
from control.http.responses.error_answer import ErrorAnswer
from control.http.route import HandlerSignature, Route, path_parameters, read_signature

Schema = dict[str, Any]
_Input = tuple[str, JsonSchemaMode, TypeAdapter[Any]]

# Names of our own schemas that differ from their class's name.
_NAMES: Final = {"ErrorAnswer": "Error"}
_ERROR_KEY: Final = "error"
_WEBHOOK_ERRORS: Final = (
    ErrorCode(400, "broken_body", "The body broke off, or is no form or JSON."),
    ErrorCode(403, "bad_signature", "The signature is missing or wrong."),
    ErrorCode(408, "too_slow", "The body did not arrive in time."),
    ErrorCode(413, "too_large", "The body is too long."),
    ErrorCode(415, "not_json", "The body is of another type."),
    ErrorCode(422, "invalid", "A field is missing or invalid."),
    ErrorCode(500, "internal", "Something went wrong on our side."),
    ErrorCode(503, "unavailable", "The database is busy or away. Try again in a moment."),
)
_SENTENCE_END: Final = re.compile(r"(?<=[.])\s+(?=[A-Z0-9`])")


class WebhookOperation(Protocol):
    """An address to which an outside service posts in its own format.

    Attributes:
        summary: What the service posts.
    """

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
    reference: ApiReference | None = None,
    events: Mapping[str, EventText] | None = None,
    event_version: str = "",
) -> Schema:
    """Return the document of the whole API.

    Args:
        webhooks: Additional addresses, which check the sender's signature.
        events: Events that are posted to customers, by type, in this version.
    """
    known = reference or ApiReference()
    signed = [(route, read_signature(route)) for route in routes]
    events = events or {}
    schemas, components = _schemas(signed, event_inputs(events))
    errors = {operation_id(route): list(operation_errors(route, known)) for route, _ in signed}
    paths: dict[str, Schema] = {}
    for route, signature in signed:
        operation = _operation(route, signature, schemas, errors[operation_id(route)])
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    for webhook in webhooks:
        paths[webhook.path] = {"post": _webhook_operation(webhook)}
    names = _NAMES | dict(known.names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vocalized", "version": version, "description": "Phone agents for businesses."},
        "servers": [{"url": public_url}],
        "tags": _tags(paths, known),
        "paths": rename_schemas(paths, names),
        **({"webhooks": rename_schemas(make_webhooks(events, schemas, event_version), names)} if events else {}),
        "components": {
            "schemas": complete_schemas(components, names),
            "headers": dict(HEADERS),
            "examples": make_examples(chain(_WEBHOOK_ERRORS if webhooks else (), *errors.values())),
            "securitySchemes": {
                "user": _bearer(
                    "The token of a user's sign-in (POST /auth/login), which also describes sessions in cookies."
                ),
                "admin": _bearer("The token of a staff member's sign-in (POST /admin/auth/login)."),
                "api_key": {"type": "http", "scheme": "bearer", "description": _API_KEY},
            },
        },
    }


def query_names(route: Route) -> set[str]:
    """Return the names of a route's query parameters."""
    query = read_signature(route).query
    fields = query.model_fields if query is not None else {}
    return {field.alias or name for name, field in fields.items()}


def body_schema(route: Route) -> Schema:
    """Return the JSON Schema of a route's body, with its `$defs`. Empty without a body."""
    body = read_signature(route).body
    return body.model_json_schema() if body is not None else {}


def response_schema(route: Route) -> Schema:
    """Return the JSON Schema of a route's response, with its `$defs`. Empty for 204."""
    response = read_signature(route).response
    return response.json_schema(mode="serialization") if response is not None else {}


def operation_errors(route: Route, reference: ApiReference) -> Iterable[ErrorCode]:
    """Return all errors that an operation can return, from its route and from its rules.

    Raises KeyError for an error without a text.
    """
    return chain(route_errors(route, read_signature(route)), _declared_errors(route, reference))


def _declared_errors(route: Route, reference: ApiReference) -> Iterator[ErrorCode]:
    for error in dict.fromkeys(route.errors):
        status, code = error.split()
        yield ErrorCode(int(status), code, reference.error_texts[error])


def operation_id(route: Route) -> str:
    """Return the handler's name, prefixed with "admin_" for staff routes."""
    name = getattr(route.handler, "__name__", "")
    return f"admin_{name}" if route.path.startswith("/admin/") and not name.startswith("admin_") else name


def tag(path: str) -> str:
    """Return the section of a path, such as "Admin: workspaces", "Agents" or "Phone numbers"."""
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    if parts[0] == "admin":
        return f"Admin: {parts[1]}"
    noun = parts[1] if parts[0] == "workspaces" and len(parts) > 1 else _SECTIONS.get(parts[0], parts[0])
    return noun.replace("-", " ").capitalize()


# First path segments that belong to the section of another noun.
_SECTIONS: Final = {"schemas": "agents"}


def _tags(paths: Mapping[str, Schema], reference: ApiReference) -> list[Schema]:
    """Return the sections in use: those of the reference in its order, then others in the order of the paths."""
    used = dict.fromkeys(name for methods in paths.values() for method in methods.values() for name in method["tags"])
    described = {section.name: section.description for section in reference.sections if section.name in used}
    return [
        *({"name": name, "description": text} for name, text in described.items()),
        *({"name": name} for name in used if name not in described),
    ]


def _key(route: Route, part: str) -> str:
    return f"{route.method} {route.path} {part}"


def _schemas(
    signed: list[tuple[Route, HandlerSignature]], others: Iterable[_Input] = ()
) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schemas of the parts of each route by `_key`, and the named types that they refer to."""
    inputs: list[_Input] = [(_ERROR_KEY, "serialization", TypeAdapter(ErrorAnswer)), *others]
    for route, signature in signed:
        if signature.body is not None:
            inputs.append((_key(route, "body"), "validation", TypeAdapter(signature.body)))
        if signature.response is not None:
            inputs.append((_key(route, "response"), "serialization", signature.response))
        inputs += [(_key(route, f"path {path_name}"), "validation", kind) for _, path_name, kind in signature.path]
    made, definitions = TypeAdapter.json_schemas(inputs, ref_template=REF)
    return {key: plain_schema(schema) for (key, _), schema in made.items()}, definitions.get("$defs", {})


def _operation(
    route: Route, signature: HandlerSignature, schemas: dict[str, Schema], errors: list[ErrorCode]
) -> Schema:
    summary, description = split_summary(signature.summary)
    operation: Schema = {
        "operationId": operation_id(route),
        "tags": [tag(route.path)],
        "summary": summary,
        "parameters": [
            *_path_parameters(route, signature, schemas),
            *_query_parameters(signature),
            *_headers(route),
        ],
        "responses": make_responses(route, signature, schemas.get(_key(route, "response")), errors),
        "security": _security(route),
    }
    if description:
        operation["description"] = description
    if route.access.roles:
        operation["x-roles"] = _roles(route)
    if signature.body is not None:
        content = {"application/json": {"schema": schemas[_key(route, "body")]}}
        operation["requestBody"] = {"required": True, "content": content}
    if signature.upload:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": dict(_FILE)}}}
    return operation


# OpenAPI 3.1, "Considerations for File Uploads": the whole body is binary.
_FILE: Final = {"type": "string", "contentMediaType": "application/octet-stream"}


def split_summary(docstring: str) -> tuple[str, str]:
    """Return the first sentence without its full stop, and the remaining text with its paragraphs."""
    first, *paragraphs = (" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))
    summary, *sentences = _SENTENCE_END.split(first, maxsplit=1)
    return summary.rstrip("."), "\n\n".join([*sentences, *paragraphs])


def _webhook_operation(webhook: WebhookOperation) -> Schema:
    by_status: dict[int, list[ErrorCode]] = {}
    for error in _WEBHOOK_ERRORS:
        by_status.setdefault(error.status, []).append(error)
    return {
        "tags": ["Webhooks"],
        "operationId": webhook.path.strip("/").replace("/", "_"),
        "summary": webhook.summary.rstrip("."),
        "description": "The body is the sender's own: a form of Twilio, or JSON of Telnyx.",
        "security": [],
        "responses": {
            "200": {"description": "Accepted, with instructions where the sender expects them."},
            "204": {"description": "Accepted."},
            **{str(status): error_response(status, codes) for status, codes in by_status.items()},
        },
    }


def _path_parameters(route: Route, signature: HandlerSignature, schemas: dict[str, Schema]) -> list[Schema]:
    typed = {path_name for _, path_name, _ in signature.path}
    return [
        _parameter(name, "path", True, schemas[_key(route, f"path {name}")] if name in typed else dict(_WORKSPACE_ID))
        for name in path_parameters(route.path)
    ]


_WORKSPACE_ID: Final = {"type": "string", "format": "uuid", "description": "Id of the workspace."}


def _query_parameters(signature: HandlerSignature) -> list[Schema]:
    if signature.query is None:
        return []
    return [_query_parameter(signature.query, name) for name in signature.query.model_fields]


def _query_parameter(query: type[BaseModel], name: str) -> Schema:
    whole = query.model_json_schema(ref_template=REF)
    field = query.model_fields[name]
    alias = field.alias or name
    schema: Schema = _without_null(_inlined(whole["properties"][alias], whole))
    return _parameter(alias, "query", field.is_required(), schema)


def _parameter(name: str, place: str, required: bool, schema: Schema) -> Schema:
    """Return a parameter with its schema's description. It has an example unless it has a default."""
    plain = plain_schema(schema)
    shown = plain if "default" in plain else with_example(plain)
    parameter: Schema = {"name": name, "in": place, "required": required, "schema": _undescribed(shown)}
    return parameter | ({"description": shown["description"]} if "description" in shown else {})


def _undescribed(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "description"}


def _without_null(schema: Schema) -> Schema:
    """Return the schema without null, which in our types means that the parameter is absent."""
    choices: list[Schema] = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    kept = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(choices) == 1:
        return choices[0] | kept
    return kept | ({"anyOf": choices} if choices else {})


def _inlined(schema: Any, whole: Schema) -> Any:
    """Return the schema with its references replaced by their targets."""
    if isinstance(schema, list):
        return [_inlined(part, whole) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
    return {key: _inlined(part, whole) for key, part in schema.items()}


def _headers(route: Route) -> list[Schema]:
    if route.session is not None:
        return [dict(_BROWSER_SESSION)]
    if not route.idempotent:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "A repeated request with the same key gets the response of the first one.",
            "schema": {
                "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$",
                "examples": ["order-4711-reminder"],
            },
        }
    ]  # fmt: skip


_BROWSER_SESSION: Final = {
    "name": "Vocalized-Session",
    "in": "header",
    "required": False,
    "description": "`cookie`, sent by a page of this API's own origin: the tokens are kept in cookies that no script "
    "can read, and those of the response are empty. The page then sends this header, and no token, with every request; "
    "without it, and from other origins, cookies are ignored. To renew the session, the page sends no body.",
    "schema": {"type": "string", "enum": ["cookie"]},
}
_API_KEY: Final = (
    "An API key of a workspace (POST /workspaces/{workspaceId}/api-keys), for systems: `" + PATTERN + "`. "
    "Operations name the scope that it needs; those without this scheme accept no key."
)


def _security(route: Route) -> list[dict[str, list[str]]]:
    """Return the alternative security requirements. The value of a key is its scope (OpenAPI 3.1, "Security Requirement
    Object").
    """
    kind, scope = route.access.kind, route.access.scope
    if kind is AccessKind.OPEN:
        return []
    signed_in: dict[str, list[str]] = {"admin" if kind is AccessKind.ADMIN else "user": []}
    return [signed_in] if scope is None else [signed_in, {"api_key": [scope]}]


def _roles(route: Route) -> list[str]:
    """Return the roles from highest to lowest, so that a member route's last role is the lowest that may call."""
    if route.access.kind is AccessKind.MEMBER:
        return [role for role in WORKSPACE_ROLES if role in route.access.roles]
    return sorted(route.access.roles, key=lambda role: (role != "super_admin", role))


def _bearer(description: str) -> Schema:
    return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": description}
