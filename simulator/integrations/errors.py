"""An error response of a simulated service."""

from typing import Any


class VendorRefusal(Exception):
    """A service refuses a request.

    Attributes:
        status: The HTTP status.
        body: The JSON body.
    """

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"status {status}")
        self.status, self.body = status, body
