"""Addresses of Azure's speech service.

Source: learn.microsoft.com/azure/ai-services/speech-service (regions, sovereign clouds, private endpoints); put
together in docs/vendors/azure.md.
"""

from typing import Final, Literal

_CLOUDS: Final = (("china", "azure.cn"), ("usgov", "azure.us"), ("usdod", "azure.us"))
_PUBLIC: Final = "microsoft.com"


def find_base_url(base_url: str, region: str, role: Literal["stt", "tts"]) -> str:
    """What stands before the service's paths. base_url: scheme and host of the resource's own domain, which serves both
    roles; empty for the host of its region and role. region: its identifier ("westeurope"), which names the cloud."""
    if base_url:
        return f"{base_url.rstrip('/')}/{role}"
    domain = next((name for start, name in _CLOUDS if region.startswith(start)), _PUBLIC)
    return f"wss://{region}.{role}.speech.{domain}"
