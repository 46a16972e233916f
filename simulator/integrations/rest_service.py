"""A service of JSON resources, as a workspace may have one of its own: nobody's documents, the least that REST means.

A repeat is recognized by the header Idempotency-Key (IETF draft httpapi-idempotency-key-header).
"""

from dataclasses import dataclass, field
from typing import Any

from simulator.integrations.answers import Created
from simulator.integrations.errors import VendorRefusal


@dataclass(slots=True)
class RestService:
    """resources: by name and id. made: the ids that were made, by idempotency key."""

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def run(self, method: str, path: str, body: Any, key: str) -> Any:
        """The answer to one request; path: /name or /name/id. Raises VendorRefusal."""
        name, _, resource_id = path.strip("/").partition("/")
        kept = self.resources.setdefault(name, {})
        if method == "GET" and resource_id in kept:
            return kept[resource_id]
        if method != "POST" or resource_id:
            raise VendorRefusal(404, {"error": "not found"})
        new_id = self.made.get(key) or str(len(kept) + 1)
        if key:
            self.made[key] = new_id
        return Created(kept.setdefault(new_id, {**body, "id": new_id, "status": "created"}))
