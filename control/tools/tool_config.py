"""What the configs of HTTP tools and of MCP servers have in common: names, addresses, headers, limits."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from control.platform.string_maps import bounded_map

MOST_HEADERS: Final = 20
LONGEST_HEADER: Final = 60
LONGEST_URL: Final = 2_000
# Characters of a result that the model reads.
LONGEST_RESULT: Final = 8_000
DEFAULT_RESULT: Final = 4_000
# Seconds of one run. A caller waits meanwhile.
LONGEST_RUN_S: Final = 20.0
MOST_RUNS: Final = 50
PLAIN: Final = r"^[^\u0000]*$"
# A second underscore is left to the names of MCP servers' tools.
TOOL_NAME: Final = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1 and what the client itself sets.
_RESERVED: Final = frozenset(
    {
        *("accept-encoding", "connection", "content-length", "content-type", "host", "idempotency-key", "keep-alive"),
        *("mcp-protocol-version", "mcp-session-id", "proxy-authorization", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)
# Visible ASCII, with spaces between.
_HEADER_VALUE: Final = r"^[\u0021-\u007e]([\u0020-\u007e]*[\u0021-\u007e])?$"

ToolTitle = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=TOOL_NAME)]
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=4_096, pattern=_HEADER_VALUE)]


class ToolConfigPart(BaseModel):
    """Types are not converted, unknown fields are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> Self:
        """A config as it is stored, which was checked before. Not checked again: that took 12 to 130 µs of the
        event loop for each tool of each request (this takes 3), and a rule that a later version adds must not break
        what works. The fields are all values of JSON, so none has to be converted."""
        return cls.model_construct(**stored)


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    for name in headers:
        if not _TOKEN.fullmatch(name) or name.lower() in _RESERVED:
            raise ValueError("must have names of headers, without those that HTTP itself uses, such as Host")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("must name each header once")
    return headers


Headers = Annotated[dict[str, HeaderValue], bounded_map(MOST_HEADERS, LONGEST_HEADER), AfterValidator(_check_headers)]
SecretHeaders = Annotated[Headers, Field(json_schema_extra={"writeOnly": True})]


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address that was checked: to which secrets are sent."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port
