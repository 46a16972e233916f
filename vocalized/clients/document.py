"""The OpenAPI document of this tree, and the part of it that customers' systems use."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from control.api.reference import REFERENCE
from control.app import ROUTES, VERSION
from control.http.openapi.document import make_document
from control.inbound_webhooks.routes import WEBHOOK_ROUTES
from control.outbound_webhooks.event_types import API_VERSION, EVENT_DESCRIPTIONS

Schema = dict[str, Any]

REF_PREFIX: Final = "#/components/schemas/"


def make_api_document(public_url: str) -> Schema:
    """What a server of this version with this address answers at /openapi.json."""
    return make_document(
        ROUTES,
        WEBHOOK_ROUTES,
        version=VERSION,
        public_url=public_url,
        reference=REFERENCE,
        events=EVENT_DESCRIPTIONS,
        event_version=API_VERSION,
    )


def customer_document(document: Schema) -> Schema:
    """Without the staff's operations, without what carriers and browsers are sent to, and without schemas that nothing
    else names."""
    paths = {path: _customer_operations(path, methods) for path, methods in document["paths"].items()}
    paths = {path: methods for path, methods in paths.items() if methods}
    webhooks = document.get("webhooks", {})
    tags = {tag for methods in paths.values() for method in methods.values() for tag in method["tags"]}
    schemas = document["components"]["schemas"]
    used = reachable([paths, webhooks], schemas)
    return {
        **document,
        "tags": [tag for tag in document["tags"] if tag["name"] in tags],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            **document["components"],
            "schemas": {name: schema for name, schema in schemas.items() if name in used},
        },
    }


def reachable(roots: Iterable[Any], schemas: Mapping[str, Schema]) -> set[str]:
    """The names of the schemas that these parts name, and that these name in turn."""
    found: set[str] = set()
    waiting = [name for root in roots for name in _references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(schemas[name])
    return found


def _customer_operations(path: str, methods: Mapping[str, Schema]) -> Schema:
    if path.startswith(("/admin/", "/webhooks/")):
        return {}
    return {method: one for method, one in methods.items() if any(status < "300" for status in one["responses"])}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _references(item)
    if isinstance(part, dict):
        target = part.get("$ref")
        if isinstance(target, str) and target.startswith(REF_PREFIX):
            yield target.removeprefix(REF_PREFIX)
        for value in part.values():
            yield from _references(value)
