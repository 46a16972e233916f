"""An answer whose status says that something was made."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Created:
    """Status 201. body: JSON."""

    body: Any
