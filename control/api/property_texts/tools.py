"""Properties of HTTP tools, MCP servers, and what agents name of them."""

from typing import Final

from control.http.api_reference import PropertyText as Text

_CONFIG: Final = {"description": "Looks up stock.", "url": "https://api.example.com/stock", "read_only": True}
_SERVER: Final = {"url": "https://mcp.example.com/mcp"}
_TOOL: Final = "get_current_time"
_RESULT: Final = '[Begin of outside data from check_stock]\n{"free": 3}\n[End of outside data]'
_WHEN: Final = "2026-11-26T13:05:00Z"
_SECRET: Final = {"Authorization": "Bearer key-of-your-system"}

TOOLS: Final = {
    "http_tool_id": Text("Id of the HTTP tool."),
    "mcp_server_id": Text("Id of the MCP server."),
    "HttpToolView.name": Text("Name for the language model and for configs of agents.", "check_stock"),
    "HttpToolView.config": Text("The tool, its request, and what is read of the answer.", _CONFIG),
    "name_reserved": Text(
        "The platform has had a tool of this name since, and agents do not get this one: make it under another.", False
    ),
    "NewHttpTool.config": Text("The tool, its request, and what is read of the answer.", _CONFIG),
    "HttpToolChange.config": Text("The whole config; null leaves it as it is.", _CONFIG),
    "NewHttpTool.secret_headers": Text("Headers whose values are never shown again, up to 20.", _SECRET),
    "HttpToolChange.secret_headers": Text(
        "Replace all secret headers; null leaves them as they are. A new host needs them again.", _SECRET
    ),
    "NewMcpServer.secret_headers": Text("Headers whose values are never shown again, up to 20.", _SECRET),
    "McpServerChange.secret_headers": Text(
        "Replace all secret headers; null leaves them as they are. A new host needs them again.", _SECRET
    ),
    "HttpToolView.secret_headers": Text(
        "Names of the headers whose values are stored and never shown.", ["Authorization"]
    ),
    "McpServerView.secret_headers": Text(
        "Names of the headers whose values are stored and never shown.", ["Authorization"]
    ),
    "McpServerView.name": Text("Name for configs of agents.", "clock"),
    "McpServerView.config": Text("Where the server is, and the limits of its tools.", _SERVER),
    "NewMcpServer.config": Text("Where the server is, and the limits of its tools.", _SERVER),
    "McpServerChange.config": Text("The whole config; null leaves it as it is.", _SERVER),
    "listed_at": Text("When the server listed its tools (UTC); null: it never did.", _WHEN),
    "list_error": Text(
        "Why the server listed nothing when it was asked last; null: it did, or was never asked.",
        "there was no answer within 10 s.",
    ),
    "McpToolView.name": Text("Name of the tool, as the server lists it.", _TOOL),
    "McpToolView.description": Text("What the server says of the tool.", "Get current time in a specific timezone"),
    "McpToolView.parameters": Text(
        "JSON Schema of its arguments, as the language model gets it.", {"type": "object", "properties": {}}
    ),
    "model_name": Text("The tool's name for the language model.", f"clock__{_TOOL}"),
    "SentRequestView.method": Text("Method of the request.", "GET"),
    "SentRequestView.url": Text("Its address, with the arguments in it.", "https://api.example.com/stock?sku=A-17"),
    "SentRequestView.headers": Text("Its headers, those of secret values masked.", {"Authorization": "***"}),
    "SentRequestView.body": Text("Its body, JSON; null: it had none.", '{"sku": "A-17"}'),
    "ReceivedAnswerView.status": Text("HTTP status.", 200),
    "content_type": Text("Its type, without parameters.", "application/json"),
    "ReceivedAnswerView.body": Text(
        "Its first 20,000 characters; the tool's own secrets in it are masked.", '{"stock": {"free": 3}}'
    ),
    "HttpToolTrialAnswer.result": Text("What a language model would read; null with an error.", _RESULT),
    "McpTrialAnswer.result": Text("What a language model would read; null with an error.", _RESULT),
    "HttpToolTrialAnswer.error": Text(
        "What a language model would be told instead; null with a result.", "there was no whole answer within 8 s."
    ),
    "McpTrialAnswer.error": Text(
        "What a language model would be told instead; null with a result.", "clock__get_current_time did not answer."
    ),
    "took_ms": Text("Milliseconds.", 240),
    "http_tools": Text("Names of the HTTP tools that the agent may use.", ["check_stock"]),
    "mcp_tools": Text(
        "Tools of MCP servers that the agent may use.", [{"server": "clock", "tools": ["get_current_time"]}]
    ),
    "action_tools": Text("Actions of connected integrations that the agent may use.", []),
    "HttpToolList.http_tools": Text("The tools, by name."),
    "mcp_servers": Text("The servers, by name."),
}
