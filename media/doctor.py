"""`python -m media doctor`: reports what this node lacks, and how to fix it."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from config.settings import MediaSettings, SettingsError, media_settings
from media.command import check_settings
from shared.doctor import DoctorFinding, check_disk, check_redis, print_findings

_REDIS_TIMEOUT_S: Final = 2.0


def main(argv: Sequence[str]) -> int:
    """Run the checks. Return 1 if something that is needed is missing, 2 for wrong arguments or settings, else 0."""
    argparse.ArgumentParser(prog="python -m media doctor", description=__doc__).parse_args(argv)
    try:
        settings = media_settings()
        check_settings(settings)
    except SettingsError as error:
        print(f"media: {error}", file=sys.stderr)
        return 2
    return print_findings(list(_examine(settings)))


def _examine(settings: MediaSettings) -> Iterator[DoctorFinding]:
    yield DoctorFinding("settings", True, "they are valid")
    yield check_redis(settings.redis_url.get_secret_value(), _REDIS_TIMEOUT_S)
    folder = settings.media_state
    writable = os.access(folder, os.W_OK | os.X_OK)
    remedy = "make VOCALIZED_MEDIA_STATE a folder of this user"
    yield DoctorFinding("state folder", writable, f"{folder} {'can' if writable else 'cannot'} be written", remedy)
    if folder.exists():
        yield check_disk(folder)
    parts = urlsplit(settings.media_public_url)
    yield DoctorFinding(
        "address", parts.scheme == "wss" and bool(parts.hostname),
        f"carriers connect to {settings.media_public_url or '(no address)'}",
        "set VOCALIZED_MEDIA_PUBLIC_URL to a wss address, to which a real carrier connects", needed=False,
    )  # fmt: skip
