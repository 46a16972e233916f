"""A refusal as a vendor answers it."""

from typing import Any


class VendorRefusal(Exception):
    """status: of HTTP. body: JSON."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"status {status}")
        self.status, self.body = status, body
