"""The account's Call Control application and outbound voice profile in the API's format.

Source: the SDK's types CallControlApplication and OutboundVoiceProfile.
"""

from typing import Final

from simulator.carrier.network.telnyx.config import TelnyxConfig

PROFILE_ID: Final = "1293384261075731499"
Json = dict[str, object]


def application_json(config: TelnyxConfig) -> Json:
    """Return the application in the API's format."""
    return {
        "record_type": "call_control_application",
        "id": config.connection_id,
        "application_name": "voice agents",
        "active": True,
        "webhook_api_version": "2",
        "webhook_event_url": config.webhook_url,
        "webhook_event_failover_url": config.webhook_failover_url or None,
        "webhook_timeout_secs": round(config.webhook_timeout_s),
        "call_cost_in_webhooks": config.cost_webhooks,
        "outbound": {"channel_limit": config.channel_limit or None, "outbound_voice_profile_id": PROFILE_ID},
    }


def profile_json(config: TelnyxConfig) -> Json:
    """Return the outbound voice profile in the API's format."""
    return {
        "record_type": "outbound_voice_profile",
        "id": PROFILE_ID,
        "name": "voice agents",
        "enabled": True,
        "concurrent_call_limit": config.channel_limit or None,
        "whitelisted_destinations": ["US", "CA"],
    }
