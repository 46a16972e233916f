"""Published names of schemas in the OpenAPI document, where they differ from the name of the class."""

from collections.abc import Mapping
from typing import Final

# Clients are generated from these names, so they stay when a class is renamed.
PUBLISHED_NAMES: Final[Mapping[str, str]] = {
    "AgentNumber": "Number",
    "AgentStats": "Stats",
    "AgentSummary": "Listed",
    "ConversationTurn": "Turn",
    "LiveCallList": "LiveCalls",
    "LiveCallRow": "LiveCall",
    "TransferBody": "Transfer",
    "VersionSummary": "VersionLine",
}
