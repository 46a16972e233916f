"""Stores a simulated account on disk, so that customers and invoices survive a restart of the platform on
this machine.
"""

import json
from pathlib import Path
from typing import Any

from simulator.stripe.account import StripeAccount


def save_account(account: StripeAccount, path: Path) -> None:
    """Replace the file atomically, so that a killed process leaves either the old or the new file."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(account.dump()))
    part.replace(path)


def load_account(account: StripeAccount, path: Path) -> None:
    """Load a new account. A missing file leaves it empty."""
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return
    account.restore(stored)
