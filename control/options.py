"""Converts settings to the options that the API and the worker share. Raises SettingsError for invalid settings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from config.catalog import shipped_dangerous_countries, shipped_disclosures
from config.setting_types import is_this_machine
from config.settings import ControlSettings, SettingsError
from control.accounts.rules import AccountPolicy, HashPolicy, LockPolicy, SessionPolicy
from control.agents.disclosures import make_disclosures
from control.agents.rules import AgentPolicy
from control.analytics.call_exports.service import ExportPolicy
from control.billing.invoices.fonts import list_fonts
from control.billing.stripe.client import StripeOptions
from control.calls.analysis.rules import AnalysisPolicy
from control.calls.feed.rules import LiveStreamLimits
from control.calls.records.running_calls import CallPolicy
from control.carriers.service import CarrierOptions
from control.db.pool import Timeouts
from control.key_options import parse_setting, require_keys
from control.keys.settings import accepts_unsigned
from control.knowledge.embedder import EmbedderPolicy
from control.outside import OutsideOptions
from control.services import Policies
from shared.key_sets import BUS_KEYS, VAULT_KEYS, KeySets
from shared.storage import check_storage_url

# Seconds after the server's statement timeout until a database command without an answer is canceled.
COMMAND_GRACE_S = 5.0


def _media_urls(settings: ControlSettings) -> Sequence[str]:
    """Return the allowed media URLs. Raises SettingsError.

    The setting is required in public installations, so that nobody who can write to Redis can route callers to another
    host.
    """
    if not settings.media_urls and not is_this_machine(settings.public_url):
        raise SettingsError("settings: VOCALIZED_MEDIA_URLS: required unless VOCALIZED_PUBLIC_URL is this machine")
    return settings.media_urls


def are_unsigned_accepted(settings: ControlSettings, keys: KeySets) -> bool:
    """Return whether unsigned bus entries are accepted.

    Raises SettingsError for keys that both programs need.
    """
    require_keys(VAULT_KEYS, keys.vault)
    require_keys(BUS_KEYS, keys.bus)
    return parse_setting("BUS_UNSIGNED", lambda: accepts_unsigned(keys, settings.bus_unsigned))


def _fonts(folder: str) -> tuple[Path, ...]:
    return parse_setting("INVOICE_FONTS", lambda: list_fonts(Path(folder))) if folder else ()


def make_policies(settings: ControlSettings) -> Policies:
    """Return the policies of all packages. Raises SettingsError."""
    return Policies(
        links=settings.portal_url or f"{settings.public_url.rstrip('/')}/console",
        public_url=settings.public_url,
        has_portal=settings.portal_url is not None,
        egress_allow=settings.egress_allow,
        streams=LiveStreamLimits(
            settings.live_streams, settings.live_streams_per_workspace, settings.live_streams_per_person
        ),
        invoice_issuer=settings.invoice_issuer or ("Vocalized",),
        invoice_fonts=_fonts(settings.invoice_fonts),
        accounts=AccountPolicy(
            user=SessionPolicy(settings.session_idle_s, settings.session_longest_s),
            sso=SessionPolicy(settings.sso_session_s, settings.sso_session_s),
            admin=SessionPolicy(settings.admin_session_idle_s, settings.admin_session_longest_s),
            lock=LockPolicy(
                free_failures=settings.sign_in_free_failures,
                max_wait_s=settings.sign_in_longest_wait_s,
                address_failures=settings.sign_in_address_failures,
                network_failures=settings.sign_in_network_failures,
            ),
            refresh_grace_s=settings.refresh_grace_s,
            recent_s=settings.recent_sign_in_s,
            confirms_at_once=_is_mail_kept_here(settings),
        ),
        hashing=HashPolicy(
            time_cost=settings.password_passes,
            memory_kib=settings.password_memory_kib,
            workers=settings.password_workers,
            queue_size=settings.password_waiting,
        ),
        agents=AgentPolicy(
            settings.standin_providers, shipped_dangerous_countries(), make_disclosures(shipped_disclosures())
        ),
        calls=CallPolicy(recordings=settings.carrier_recordings, apology=settings.resume_apology),
        analysis=AnalysisPolicy(
            settings.call_analysis, settings.call_analysis_max_tokens, settings.call_analysis_timeout_s
        ),
        embedder=_make_embedder_policy(settings),
        exports=ExportPolicy(
            concurrency=settings.export_concurrency,
            per_hour=settings.exports_per_hour,
            stall_s=settings.export_stall_s,
            longest_s=settings.export_longest_s,
        ),
        access_token_s=settings.access_token_s,
        staff_totp_required=not is_this_machine(settings.public_url),
    )


def _is_mail_kept_here(settings: ControlSettings) -> bool:
    """Return whether only the operator of this machine can read the e-mails, so that a link in an e-mail proves
    nothing.
    """
    return is_this_machine(settings.public_url) and settings.smtp_url.get_secret_value().startswith("file:")


def _make_embedder_policy(settings: ControlSettings) -> EmbedderPolicy | None:
    """Return the embedder's policy, or None if it has no URL. Raises SettingsError."""
    url, key = settings.embedder_url, settings.embedder_key.get_secret_value()
    if key and url is None:
        raise SettingsError("settings: VOCALIZED_EMBEDDER_URL: required with VOCALIZED_EMBEDDER_KEY")
    if url is None:
        return None
    policy = EmbedderPolicy(str(url), settings.embedder_model, key, settings.embedder_dimensions)
    question_s, least = settings.embedder_question_timeout_s, settings.embedder_least_similarity
    return replace(policy, question_s=question_s, least_similarity=least)


def make_outside_options(settings: ControlSettings) -> OutsideOptions:
    """Return the options of outside clients.

    Raises SettingsError for an incomplete carrier or an invalid storage URL.
    """
    parse_setting("STORAGE_URL", lambda: check_storage_url(settings.storage_url))
    sid, tokens = settings.twilio_account_sid, dict(reversed(settings.twilio_auth_tokens))
    api_key = next(((name, secret.get_secret_value()) for name, secret in settings.twilio_api_key), None)
    if sid and sid not in tokens and api_key is None:
        raise SettingsError(f"settings: VOCALIZED_TWILIO_AUTH_TOKENS: no token for the account {sid}")
    if settings.telnyx_api_key.get_secret_value() and not settings.telnyx_connection_id:
        raise SettingsError("settings: VOCALIZED_TELNYX_CONNECTION_ID: required with VOCALIZED_TELNYX_API_KEY")
    return OutsideOptions(
        redis_url=settings.redis_url.get_secret_value(),
        storage_url=settings.storage_url,
        bus_timeout_s=settings.bus_timeout_s,
        media_urls=_media_urls(settings),
        stripe=_stripe(settings),
        carriers=CarrierOptions(
            webhook_url=settings.webhook_url or settings.public_url,
            twilio_account_sid=sid,
            twilio_token=tokens[sid].get_secret_value() if sid in tokens else "",
            twilio_api_key=api_key,
            twilio_us1_token=settings.twilio_us1_token.get_secret_value(),
            twilio_subaccounts=[
                (account_sid, token.get_secret_value()) for account_sid, token in tokens.items() if account_sid != sid
            ],
            twilio_api_url=settings.twilio_api_url,
            twilio_region=settings.twilio_region,
            twilio_edge=settings.twilio_edge,
            telnyx_api_key=settings.telnyx_api_key.get_secret_value(),
            telnyx_connection_id=settings.telnyx_connection_id,
            telnyx_api_url=settings.telnyx_api_url,
            timeout_s=settings.carrier_timeout_s,
            default=settings.default_carrier,
            record=settings.carrier_recordings,
            calls_per_s={"twilio": settings.twilio_call_rate, "telnyx": settings.telnyx_call_rate},
        ),
    )


def _stripe(settings: ControlSettings) -> StripeOptions | None:
    """Return Stripe's options, or None if Stripe has no key. Raises SettingsError."""
    key = settings.stripe_api_key.get_secret_value()
    if key and not settings.stripe_webhook_secrets:
        raise SettingsError("settings: VOCALIZED_STRIPE_WEBHOOK_SECRETS: required with VOCALIZED_STRIPE_API_KEY")
    if not key:
        return None
    return StripeOptions(key, settings.stripe_api_url, settings.stripe_timeout_s, settings.stripe_meter_event)


def make_timeouts(settings: ControlSettings) -> Timeouts:
    """Return the timeouts of the database."""
    return Timeouts(
        connect=settings.database_connect_timeout_s,
        acquire=settings.database_acquire_timeout_s,
        statement=settings.database_statement_timeout_s,
        command=settings.database_statement_timeout_s + COMMAND_GRACE_S,
        idle_in_transaction=settings.database_idle_timeout_s,
    )
