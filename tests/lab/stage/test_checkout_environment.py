"""The environment in which a rolling upgrade runs the programs of the older checkout."""

from pathlib import Path

import pytest

from lab.stage.checkout_environment import SetupFailed, find_python


def make_checkout(folder: Path, script: str) -> Path:
    """A folder whose tools/setup.sh is this script."""
    (folder / "tools").mkdir()
    setup = folder / "tools" / "setup.sh"
    setup.write_text(f"#!/bin/sh\n{script}\n")
    setup.chmod(0o755)
    return folder


def test_missing_environment_is_made_by_the_checkouts_own_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENV", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    script = 'mkdir -p .venv/bin && echo "${VENV:-}${PYTHONPATH:-}" > .venv/bin/python'
    python = find_python(make_checkout(tmp_path, script))
    assert python == tmp_path / ".venv" / "bin" / "python"
    assert python.read_text() == "\n", "the script saw the environment of another checkout"


def test_environment_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert find_python(make_checkout(tmp_path, "exit 1")) == python


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no network; exit 3", "ended with code 3:\nno network"),
        ("exec sleep 60", "not done after 0.2 s"),
        (":", "made no"),
    ],
)
def test_setup_that_fails_is_reported(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(SetupFailed, match=message):
        find_python(make_checkout(tmp_path, script), setup_s=0.2 if "sleep" in script else 10)


def test_checkout_without_a_script_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SetupFailed, match="No such file"):
        find_python(tmp_path)
