"""The responses of an operation in the OpenAPI document: success, errors by code, and headers."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from control.http.openapi.api_reference import ErrorCode
from control.http.responses.error_answer import REQUEST_ID_EXAMPLE
from control.http.responses.json_or_pdf import PDF
from control.http.route import HandlerSignature, Route
from shared.errors import (
    Conflict,
    Forbidden,
    Malformed,
    NotFound,
    Problem,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

Schema = dict[str, Any]

ERROR_TEXT: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "No valid sign-in.",
    403: "Signed in, but not allowed.",
    404: "Does not exist, or is not visible to the caller.",
    408: "The body did not arrive in time.",
    409: "Conflicts with the current state.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    422: "A field is invalid. `errors` names each invalid field.",
    429: "Too many requests. `Retry-After` has the seconds to wait.",
    500: "An internal error.",
    503: "A required service is unavailable. Try again later.",
}
_PROBLEMS: Final = (Malformed, Unauthorized, Forbidden, NotFound, Conflict, TooManyRequests, Unavailable, Problem)
_TYPES: Final[Mapping[int, str]] = {problem.status: problem.type for problem in _PROBLEMS}
_FILES: Final = ("audio/wav", "audio/mpeg", "application/octet-stream")
# A file that is created while it is sent. As JSON it is a single object.
_STREAMED: Final = {
    "text/csv": {"schema": {"type": "string", "format": "binary"}},
    "application/json": {"schema": {"type": "object"}},
}
_ALWAYS: Final = ("X-Request-Id", "Vocalized-Request-Id")
_LIMITED: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")

HEADERS: Final[Mapping[str, Schema]] = {
    "X-Request-Id": {
        "description": "The id that the caller gave the request in this header; without one, our own.",
        "schema": {"type": "string", "examples": ["order-4711"]},
    },
    "Vocalized-Request-Id": {
        "description": "Our id of the request, which is in our logs: name it when you ask for support.",
        "schema": {"type": "string", "format": "uuid", "examples": [REQUEST_ID_EXAMPLE]},
    },
    "RateLimit-Limit": {
        "description": "Number of requests that the limit allows per window.",
        "schema": {"type": "integer", "examples": [20]},
    },
    "RateLimit-Remaining": {
        "description": "Requests that would be admitted now.",
        "schema": {"type": "integer", "examples": [19]},
    },
    "RateLimit-Reset": {
        "description": "Seconds until all requests of the limit are available again.",
        "schema": {"type": "integer", "examples": [3]},
    },
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "schema": {"type": "integer", "minimum": 1, "examples": [30]},
    },
    "Idempotent-Replayed": {
        "description": "`true` when this is the stored response of an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "WWW-Authenticate": {
        "description": "The scheme of the required token.",
        "schema": {"type": "string", "examples": ["Bearer"]},
    },
    "Location": {
        "description": "Where to go on: a link that is valid for some minutes; fetch it without the token.",
        "schema": {"type": "string", "format": "uri", "examples": ["https://storage.example.com/recording.wav?sig=…"]},
    },
}


def make_responses(
    route: Route, signature: HandlerSignature, schema: Schema | None, errors: Iterable[ErrorCode]
) -> Schema:
    """Return the responses by status.

    Args:
        schema: Schema of a JSON response.
    """
    always = [*_ALWAYS, *(_LIMITED if route.limits else ())]
    responses = _success(route, signature, schema, always)
    by_status: dict[int, dict[str, ErrorCode]] = {}
    for error in errors:
        by_status.setdefault(error.status, {}).setdefault(error.code, error)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = error_response(status, list(codes.values()), always)
    return responses


def error_response(status: int, errors: Iterable[ErrorCode], headers: Iterable[str] = _ALWAYS) -> Schema:
    """Return a response with the error schema, and an example of each code."""
    codes = sorted(error.code for error in errors)
    listed = f" Codes: {', '.join(f'`{code}`' for code in codes)}." if codes else ""
    content = {
        "schema": {"$ref": "#/components/schemas/Error"},
        "examples": {code: {"$ref": f"#/components/examples/{example_name(status, code)}"} for code in codes},
    }
    extra = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())
    return {
        "description": ERROR_TEXT[status] + listed,
        "headers": _headers([*headers, *extra]),
        "content": {"application/json": content},
        "x-error-codes": codes,
    }


def example_name(status: int, code: str) -> str:
    """Return the name of an error's example in the components."""
    return f"{code}_{status}"


def make_examples(errors: Iterable[ErrorCode]) -> dict[str, Schema]:
    """Return an example of each error, by `example_name`."""
    return {example_name(error.status, error.code): _example(error) for error in errors}


def _example(error: ErrorCode) -> Schema:
    fault = {"param": None, "code": error.code, "message": error.text}
    kind = _TYPES.get(error.status, "invalid_request")
    return {
        "summary": error.text,
        "value": {"error": {"type": kind, **fault, "errors": [fault], "request_id": REQUEST_ID_EXAMPLE}},
    }


def _success(route: Route, signature: HandlerSignature, schema: Schema | None, always: list[str]) -> Schema:
    headers = _headers([*always, *(("Idempotent-Replayed",) if route.idempotent else ())])
    if signature.file:
        return _file_responses(headers)
    if signature.streamed:
        text = "The file, complete unless the connection is reset."
        return {"200": {"description": text, "headers": headers, "content": dict(_STREAMED)}}
    if signature.live:
        # The schema describes a single event (OpenAPI 3.2, "Sequential Media Types").
        fields = {name: {"type": "string"} for name in ("id", "event", "data")}
        events = {"text/event-stream": {"schema": {"type": "object", "properties": fields}}}
        return {"200": {"description": "Server-sent events.", "headers": headers, "content": events}}
    if signature.redirect:
        page = {"description": "A redirect to a page of the portal.", "headers": headers | _headers(["Location"])}
        return {"302": page}
    if schema is None:
        return {"204": {"description": "Done.", "headers": headers}}
    content: Schema = {"application/json": {"schema": schema}}
    if signature.pdf:
        content[PDF] = {"schema": {"type": "string", "format": "binary"}}
    return {str(route.status): {"description": "Done.", "headers": headers, "content": content}}


def _file_responses(headers: Schema) -> Schema:
    content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _FILES}
    return {
        "200": {"description": "The file.", "headers": headers, "content": content},
        "206": {"description": "The requested range.", "headers": headers, "content": content},
        "302": {
            "description": "A redirect to a short-lived address of the file.",
            "headers": headers | _headers(["Location"]),
        },
        "416": {"description": "The range is outside the file.", "headers": headers},
    }


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
