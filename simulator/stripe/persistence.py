"""A simulated account on disk, so that a platform on this machine finds customers and invoices at the next start."""

import json
from pathlib import Path
from typing import Any

from simulator.stripe.account import StripeAccount


def save_account(account: StripeAccount, path: Path) -> None:
    """Replace the file at once, so that a kill leaves the old one or the new one."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(account.dump()))
    part.replace(path)


def load_account(account: StripeAccount, path: Path) -> None:
    """Fill an account that is new. A file that is missing leaves it empty."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return
    account.restore(stored)
