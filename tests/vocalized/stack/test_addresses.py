"""The file with a running platform's addresses."""

import json
from pathlib import Path

import pytest

from vocalized.stack.addresses import (
    Addresses,
    Credentials,
    StackNotRunning,
    read_addresses,
    remove_addresses,
    write_addresses,
)

ADDRESSES = Addresses(
    control="http://127.0.0.1:1", media="http://127.0.0.1:2", carrier="http://127.0.0.1:3",
    admin=Credentials("a@example.com", "one"), user=Credentials("b@example.com", "two"), workspace_id="w", agent_id="a",
    number="+14155550123", telnyx_number="", media_nodes=["http://127.0.0.1:2"],
)  # fmt: skip


def test_addresses_are_private_and_removed_at_the_end(tmp_path: Path) -> None:
    write_addresses(tmp_path, ADDRESSES)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_addresses(tmp_path) == ADDRESSES
    remove_addresses(tmp_path)
    remove_addresses(tmp_path)
    with pytest.raises(StackNotRunning, match="vocalized up"):
        read_addresses(tmp_path)


def test_line_has_the_agreed_fields() -> None:
    line = json.loads(ADDRESSES.line)
    agreed = {"control", "media", "carrier", "admin", "user", "workspace_id", "agent_id", "number"}
    assert line.keys() >= agreed
    assert line["user"] == {"email": "b@example.com", "password": "two"}


def test_unreadable_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "addresses.json").write_text('{"control": 1}')
    with pytest.raises(StackNotRunning, match=r"addresses\.json cannot be read"):
        read_addresses(tmp_path)
