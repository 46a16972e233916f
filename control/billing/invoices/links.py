"""Links to invoice PDFs that require no sign-in. Anyone with a link can read the invoice until the link expires."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import jwt

from shared.errors import NotFound

KEY_PURPOSE: Final = "invoice links"
# A link is valid for one to two hours. It stays identical within each hour, so that responses can be compared.
_HOUR_S: Final = 3_600
_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "invoice"
_OPTIONS: Final[Any] = {"require": ["exp", "aud", "workspace", "invoice"], "verify_exp": False}


class InvoiceLinks:
    """Signs links with the first key and verifies them with all keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def sign(self, workspace_id: UUID, invoice_id: UUID, now: datetime) -> str:
        """Return the token of a link to this invoice."""
        claims = {
            "aud": _AUDIENCE,
            "workspace": str(workspace_id),
            "invoice": str(invoice_id),
            "exp": (int(now.timestamp()) // _HOUR_S + 2) * _HOUR_S,
        }
        return jwt.encode(claims, self._keys[0], algorithm=_ALGORITHM)

    def read(self, token: str, now: datetime) -> tuple[UUID, UUID]:
        """Return the workspace and invoice of a token. Raises NotFound (code invoice_not_found)."""
        for key in self._keys:
            try:
                claims = jwt.decode(token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, options=_OPTIONS)
                if claims["exp"] > now.timestamp():
                    return UUID(claims["workspace"]), UUID(claims["invoice"])
            except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
                continue
        raise NotFound("This link is invalid or has expired.", code="invoice_not_found")
