"""McpServerConfig: an MCP server whose tools a workspace's agents may call."""

from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from control.tools.tool_config import (
    DEFAULT_RESULT,
    LONGEST_RESULT,
    LONGEST_RUN_S,
    LONGEST_URL,
    MOST_RUNS,
    Headers,
    ToolConfigPart,
)

DEFAULT_TIMEOUT_S: Final = 10.0


class McpServerConfig(ToolConfigPart):
    """Where the server is, and the limits of each of its tools."""

    url: str = Field(
        min_length=1,
        max_length=LONGEST_URL,
        description="https address on the public internet of its endpoint for the transport Streamable HTTP.",
        examples=["https://mcp.example.com/mcp"],
    )
    headers: Headers = Field(
        default={}, description="Headers of each request, up to 20; secrets go into `secret_headers`.", examples=[{}]
    )
    timeout_s: float = Field(
        default=DEFAULT_TIMEOUT_S,
        ge=0.5,
        le=LONGEST_RUN_S,
        description="Seconds for one use of a tool, after which the model is told that there is no answer.",
        examples=[DEFAULT_TIMEOUT_S],
    )
    max_result_chars: int = Field(
        default=DEFAULT_RESULT,
        ge=100,
        le=LONGEST_RESULT,
        description="Characters of a result that the model reads; the rest is cut off.",
        examples=[DEFAULT_RESULT],
    )
    max_calls: int = Field(
        default=20, ge=1, le=MOST_RUNS, description="How often one call may use each tool.", examples=[20]
    )

    @model_validator(mode="after")
    def _require_plain_address(self) -> "McpServerConfig":
        try:
            parts = urlsplit(self.url)
        except ValueError:
            raise ValueError("needs a url like https://mcp.example.com/mcp") from None
        if parts.scheme not in ("http", "https") or parts.fragment:
            raise ValueError("needs a url that begins with https:// and has no fragment")
        return self
