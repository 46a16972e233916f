"""Settings of the control program from the environment."""

import os

import pytest

from config.settings import PREFIX, ControlSettings, SettingsError, control_settings, database_settings

NEEDED = {"DATABASE_URL": "postgresql://a:s3cret@b/c", "REDIS_URL": "redis://b", "SECRET_KEYS": "s3cret"}


@pytest.fixture(autouse=True)
def _needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(PREFIX):
            monkeypatch.delenv(name)
    for name, value in NEEDED.items():
        monkeypatch.setenv(PREFIX + name, value)


def test_required_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert control_settings().control_host == "127.0.0.1"
    for name in NEEDED:
        monkeypatch.delenv(PREFIX + name)
    needed = [name for name in NEEDED if name != "SECRET_KEYS"]  # parsed with the other sets of keys
    with pytest.raises(SettingsError) as caught:
        control_settings()
    assert [part.split(":")[0] for part in str(caught.value).removeprefix("settings: ").split("; ")] == [
        PREFIX + name for name in needed
    ]


def test_migrate_needs_only_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOCALIZED_SECRET_KEYS")
    assert database_settings().database_url.get_secret_value() == NEEDED["DATABASE_URL"]


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in ControlSettings.model_fields.values())


def test_times_and_sizes_name_their_unit() -> None:
    for name, field in ControlSettings.model_fields.items():
        description = (field.description or "").lower()
        if name.endswith("_s"):
            assert "second" in description or "refresh token waits" in description, name
        if name.endswith("_bytes"):
            assert "bytes" in description, name
        if name.endswith("_kib"):
            assert "kib" in description, name


def test_repr_holds_no_secrets() -> None:
    assert "s3cret" not in repr(control_settings())


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_CORS_ORIGINS", "https://a.example, http://localhost:3000")
    monkeypatch.setenv("VOCALIZED_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8")
    monkeypatch.setenv("VOCALIZED_RATE_LIMITS", "login=5/60, admin-login=3/60")
    settings = control_settings()
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.trusted_proxies == ("10.0.0.0/8", "fd00::/8")
    assert settings.rate_limits == {"login": (5, 60), "admin-login": (3, 60)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("CORS_ORIGINS", "https://a.example/"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "everybody"),
        ("RATE_LIMITS", "login=5"),
        ("RATE_LIMITS", "login=0/60"),
        ("RATE_LIMITS", "login"),
        ("PUBLIC_URL", "ftp://a.example"),
        ("PUBLIC_URL", "a.example"),
        ("DATABASE_POOL_SIZE", "0"),
        ("BODY_TIMEOUT_S", "inf"),
        ("ACCESS_TOKEN_S", "86400"),
        ("DATABASE_URL", "mysql://a:s3cret@b/c"),
        ("DATABASE_URL", "postgresql://a:s3cret@b:port/c"),
        ("REDIS_URL", "s3cret:6379"),
        ("REDIS_URL", "redis://:s3cret@b:port/0"),
        ("REDIS_URL", "redis+cluster://:s3cret@b:6379/1"),
        ("REDIS_URL", "redis+cluster://:s3cret@b:6379?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss+cluster:///"),
        ("MAIL_FROM", "nobody"),
        ("INVOICE_ISSUER", "a;" * 13),
        ("MAIL_FROM", "a@example.com, b@example.com"),
        ("MAIL_FROM", "A\nBcc: b@example.com <a@example.com>"),
    ],
)
def test_error_names_the_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError, match=f"^settings: VOCALIZED_{name}: [^;]+$") as caught:
        control_settings()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://a:p%40ss@b:5432,[::1]:5433/c?sslmode=require"),
        ("DATABASE_URL", "postgresql://a@/c?host=/run/postgresql"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("REDIS_URL", "rediss://:pass@b:6380/0"),
        ("REDIS_URL", "redis+cluster://user:p%40ss@b:6380,c:6381,[::1]:6382"),
        ("REDIS_URL", "rediss+cluster://b"),
        ("MAIL_FROM", "no-reply@example.com"),
        ("MAIL_FROM", '"Front Desk" <no-reply@example.com>'),
    ],
)
def test_urls_of_the_drivers_are_accepted(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    control_settings()


def test_trailing_slash_of_a_url_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_PUBLIC_URL", "https://api.example.com/")
    assert control_settings().public_url == "https://api.example.com"
