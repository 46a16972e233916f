"""Addresses of Azure's speech service, by the region of a resource.

Source: learn.microsoft.com/azure/ai-services/speech-service/regions and sovereign-clouds.
"""

from typing import Final, Literal

_CLOUDS: Final = (("china", "azure.cn"), ("usgov", "azure.us"), ("usdod", "azure.us"))
_PUBLIC: Final = "microsoft.com"


def make_azure_url(region: str, role: Literal["stt", "tts"]) -> str:
    """Scheme and host of the WebSocket. region: its identifier ("westeurope"), which names the cloud, too."""
    domain = next((name for start, name in _CLOUDS if region.startswith(start)), _PUBLIC)
    return f"wss://{region}.{role}.speech.{domain}"
