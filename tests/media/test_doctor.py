"""`python -m media doctor` as a process: what it says of a node that has all it needs, and of one that does not."""

import os
import subprocess
import sys
from pathlib import Path

from config.settings import PREFIX
from shared.secrets import new_key
from vocalized.free_port import free_port

ROOT = Path(__file__).parents[2]


def examine(**settings: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment = clean | {PREFIX + name: value for name, value in settings.items()}
    command = [sys.executable, "-m", "media", "doctor"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_a_complete_node_lacks_nothing(valkey_url: str, tmp_path: Path) -> None:
    done = examine(
        REDIS_URL=valkey_url, BUS_KEYS=new_key(), SECRET_KEYS=new_key(), MEDIA_STATE=str(tmp_path),
        MEDIA_PUBLIC_URL="wss://media.example.com",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = [line[:8].strip() for line in done.stdout.splitlines()[:5]]
    assert results == ["ok"] * 5
    assert done.stdout.endswith("everything that is needed is there\n")


def test_what_a_node_lacks_is_named_with_what_to_do(tmp_path: Path) -> None:
    redis = f"redis://media:s3cret@127.0.0.1:{free_port()}"
    done = examine(REDIS_URL=redis, SECRET_KEYS=new_key(), MEDIA_STATE=str(tmp_path / "gone"))
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith("missing: Redis, state folder\n")
    for name in ("REDIS_URL", "MEDIA_STATE", "MEDIA_PUBLIC_URL"):
        assert f"VOCALIZED_{name}" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_wrong_settings_are_listed(tmp_path: Path) -> None:
    done = examine(MEDIA_STATE=str(tmp_path))
    assert done.returncode == 2 and "VOCALIZED_REDIS_URL" in done.stderr
