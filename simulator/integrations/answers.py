"""A response for a created object."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Created:
    """A response with status 201 and a JSON body."""

    body: Any
