"""The simulated Stripe of a platform on this machine: its keys, and the settings by which control uses it."""

import secrets
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from vocalized.free_port import free_port
from vocalized.stack.secret_file import write_secret

_KEYS, _CONFIG, _ACCOUNT = "stripe-keys.json", "stripe.json", "stripe-account.json"
_WEBHOOK_PATH: Final = "/webhooks/stripe"


class StripeKeys(Struct, frozen=True):
    """What Stripe and the platform share; kept between runs, as the account is."""

    key: str
    webhook_secret: str


class StripeAccess(Struct, frozen=True):
    """The running simulated Stripe. config, account: files that its program is started with."""

    key: str
    port: int
    config: Path
    account: Path

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://127.0.0.1:{self.port}"


def prepare_stripe(state: Path, webhook_url: str, days_ahead: int) -> tuple[StripeAccess, dict[str, str]]:
    """Writes the program's configuration; returns it with control's settings. days_ahead: of both clocks."""
    keys = _load_keys(state / _KEYS)
    access = StripeAccess(keys.key, free_port(), state / _CONFIG, state / _ACCOUNT)
    config = {
        "key": keys.key,
        "webhook_url": webhook_url.rstrip("/") + _WEBHOOK_PATH,
        "webhook_secret": keys.webhook_secret,
        "days_ahead": days_ahead,
    }
    write_secret(access.config, msgspec.json.encode(config))
    return access, {
        "VOCALIZED_STRIPE_API_KEY": keys.key,
        "VOCALIZED_STRIPE_WEBHOOK_SECRETS": keys.webhook_secret,
        "VOCALIZED_STRIPE_API_URL": access.url,
        "VOCALIZED_BILLING_DAYS_AHEAD": str(days_ahead),
    }


def _load_keys(path: Path) -> StripeKeys:
    if not path.exists():
        keys = StripeKeys(f"sk_test_{secrets.token_hex(16)}", f"whsec_{secrets.token_hex(16)}")
        write_secret(path, msgspec.json.encode(keys))
    return msgspec.json.decode(path.read_bytes(), type=StripeKeys)
