"""Parts of the OpenAPI document besides routes and types: schema names, sections, and error texts."""

from collections.abc import Mapping
from typing import Final

from control.api.error_texts import ERROR_TEXTS
from control.api.sections import SECTIONS
from control.http.openapi.api_reference import ApiReference

# Published schema names that differ from the name of the class. Clients are generated from the published names, so the
# names stay when a class is renamed.
PUBLISHED_NAMES: Final[Mapping[str, str]] = {
    "AddedNumbers": "AddedNumbersAnswer",
    "AgentNumber": "Number",
    "AgentStats": "Stats",
    "AgentSummary": "Listed",
    "BlockedCaller": "BlockedCallerView",
    "CallerMessage": "MessageView",
    "CampaignProgress": "CampaignProgressView",
    "CampaignSettings": "CampaignBody",
    "Choice": "ProviderChoice",
    "ConversationTurn": "Turn",
    "DoNotCallNumber": "DoNotCallNumberView",
    "Limits": "CallLimits",
    "LimitsPatch": "CallLimitsPatch",
    "ListingError": "ListingErrorView",
    "LiveCallList": "LiveCalls",
    "LiveCallRow": "LiveCall",
    "PlatformRouting": "RoutingView",
    "Recording": "RecordingConfig",
    "RecordingPatch": "RecordingConfigPatch",
    "Speech": "SpeechConfig",
    "SpeechPatch": "SpeechConfigPatch",
    "TransferBody": "Transfer",
    "Turn": "TurnTaking",
    "TurnPatch": "TurnTakingPatch",
    "VersionSummary": "VersionLine",
    "WorkspaceRouting": "VoiceStrategyView",
}
REFERENCE: Final = ApiReference(names=PUBLISHED_NAMES, sections=SECTIONS, error_texts=ERROR_TEXTS)
