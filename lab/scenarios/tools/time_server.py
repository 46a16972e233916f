"""`python -m lab.scenarios.tools.time_server --port PORT`: the package mcp-server-time as it is, a
server that others wrote, over Streamable HTTP instead of stdio."""

import argparse
import sys

from mcp_server_time.server import create_server  # type: ignore[import-untyped]


def main() -> int:
    """Runs until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="An MCP server that tells and converts times.")
    parser.add_argument("--port", type=int, required=True, help="of 127.0.0.1")
    create_server("Etc/UTC").run("streamable-http", port=parser.parse_args().port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
