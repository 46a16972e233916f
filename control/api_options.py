"""Turns the settings into options of the API."""

from config.setting_types import is_this_machine
from config.settings import ControlSettings, SettingsError
from control.app import ApiOptions, HttpOptions
from control.key_options import key_sets, parse_setting, require_keys
from control.program_options import are_unsigned_accepted, make_outside_options, make_policies, make_timeouts
from control.webhooks.options import WebhookOptions
from control.webhooks.telnyx.signature import TelnyxKeys
from shared.key_sets import TOKEN_KEYS


def make_api_options(settings: ControlSettings) -> ApiOptions:
    """The API's options. Raises SettingsError."""
    keys = key_sets(settings)
    require_keys(TOKEN_KEYS, keys.tokens)
    return ApiOptions(
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
        keys=keys,
        accepts_unsigned=are_unsigned_accepted(settings, keys),
        http=HttpOptions(
            public_url=settings.public_url,
            trusted_proxies=settings.trusted_proxies,
            cors_origins=settings.cors_origins,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.body_timeout_s,
            redis_timeout_s=settings.redis_timeout_s,
            limits=settings.rate_limits,
        ),
        policies=make_policies(settings),
        outside=make_outside_options(settings),
        webhooks=_make_webhook_options(settings),
        pool_size=settings.database_pool_size,
        request_concurrency=settings.request_concurrency,
        allows_owner=is_this_machine(settings.public_url),
        timeouts=make_timeouts(settings),
    )


def _make_webhook_options(settings: ControlSettings) -> WebhookOptions:
    """Raises SettingsError."""
    parse_setting("TELNYX_PUBLIC_KEYS", lambda: TelnyxKeys(settings.telnyx_public_keys))
    if settings.telnyx_api_key.get_secret_value() and not settings.telnyx_public_keys:
        raise SettingsError("settings: VOCALIZED_TELNYX_PUBLIC_KEYS: needed beside VOCALIZED_TELNYX_API_KEY")
    return WebhookOptions(
        url=settings.webhook_url or settings.public_url,
        twilio_tokens=[(account, token.get_secret_value()) for account, token in settings.twilio_auth_tokens],
        twilio_shared_keys=[(key, secret.get_secret_value()) for key, secret in settings.twilio_shared_keys],
        telnyx_public_keys=settings.telnyx_public_keys,
        stripe_secrets=settings.stripe_webhook_secrets,
        stripe_body_bytes=settings.stripe_webhook_body_bytes,
        require_twilio_signature=settings.twilio_require_signature,
    )
