"""The settings by which a platform on this machine uses a simulated Stripe."""

from pathlib import Path

import pytest

from config.settings import SettingsError, control_settings
from control.commands.worker import make_worker_options
from vocalized.stack.simulated_stripe import prepare_stripe

BASE = {
    "VOCALIZED_DATABASE_URL": "postgresql://localhost/x",
    "VOCALIZED_REDIS_URL": "redis://localhost",
    "VOCALIZED_SECRET_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


def test_keys_stay_between_starts_and_control_takes_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, _), (second, settings) = (prepare_stripe(tmp_path, "http://127.0.0.1:1/", days) for days in (0, 40))
    assert first.key == second.key and second.config.stat().st_mode & 0o077 == 0
    for name, value in {**BASE, **settings, "VOCALIZED_PUBLIC_URL": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    options = make_worker_options(control_settings(), "127.0.0.1", 0)
    assert options.outside.stripe is not None and options.outside.stripe.url == second.url
    assert options.billing_ahead.days == 40


def test_a_platform_that_others_reach_is_not_billed_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its customers' cards would be charged too early."""
    urls = {"VOCALIZED_PUBLIC_URL": "https://voice.example.com", "VOCALIZED_MEDIA_URLS": "wss://media.example.com"}
    for name, value in {**BASE, **urls}.items():
        monkeypatch.setenv(name, value)
    assert not make_worker_options(control_settings(), "127.0.0.1", 0).billing_ahead
    monkeypatch.setenv("VOCALIZED_BILLING_DAYS_AHEAD", "1")
    with pytest.raises(SettingsError, match="BILLING_DAYS_AHEAD"):
        make_worker_options(control_settings(), "127.0.0.1", 0)
