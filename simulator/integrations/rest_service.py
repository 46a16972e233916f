"""A minimal service of JSON resources, like a workspace's own REST API.

Repeated requests are detected by the header Idempotency-Key (IETF draft httpapi-idempotency-key-header).
"""

from dataclasses import dataclass, field
from typing import Any

from simulator.integrations.answers import Created
from simulator.integrations.errors import VendorRefusal


@dataclass(slots=True)
class RestService:
    """The service's data.

    Attributes:
        resources: Resources by name and id.
        made: Idempotency key -> id of the created resource.
    """

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def run(self, method: str, path: str, body: Any, key: str) -> Any:
        """Answer a request. `path` is /name or /name/id. Raises VendorRefusal."""
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
