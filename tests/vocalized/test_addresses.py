"""Where a running platform answers, for those who come after."""

import json
from pathlib import Path

import pytest

from vocalized.addresses import Addresses, NotRunning, forget_addresses, read_addresses, write_addresses
from vocalized.first_accounts import SignIn

TOLD = Addresses(
    control="http://127.0.0.1:1", media="http://127.0.0.1:2", carrier="http://127.0.0.1:3",
    admin=SignIn("a@example.com", "one"), user=SignIn("b@example.com", "two"), workspace_id="w", agent_id="a",
    number="+14155550123", telnyx_number="", media_nodes=["http://127.0.0.1:2"],
)  # fmt: skip


def test_they_are_kept_from_others_and_forgotten_at_the_end(tmp_path: Path) -> None:
    write_addresses(tmp_path, TOLD)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_addresses(tmp_path) == TOLD
    forget_addresses(tmp_path)
    forget_addresses(tmp_path)
    with pytest.raises(NotRunning, match="vocalized up"):
        read_addresses(tmp_path)


def test_the_line_has_the_agreed_names() -> None:
    line = json.loads(TOLD.line)
    agreed = {"control", "media", "carrier", "admin", "user", "workspace_id", "agent_id", "number"}
    assert line.keys() >= agreed
    assert line["user"] == {"email": "b@example.com", "password": "two"}


def test_what_is_not_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "addresses.json").write_text('{"control": 1}')
    with pytest.raises(NotRunning, match=r"addresses\.json cannot be read"):
        read_addresses(tmp_path)
