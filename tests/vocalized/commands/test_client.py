"""`vocalized client`: what it writes, and what it does where OpenAPI Generator is missing, there, or fails."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.platform.api_document import api_document
from vocalized.clients import other_languages
from vocalized.clients.document import customer_document
from vocalized.commands import client as command
from vocalized.commands.cli import app

ROOT = Path(__file__).parents[3]
runner = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture(autouse=True)
def made_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """The document of this process, because making it takes a second."""
    monkeypatch.setattr(command, "make_api_document", lambda url: {**api_document(), "servers": [{"url": url}]})


def write_program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in place of OpenAPI Generator, alone on the PATH."""
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    if script:
        program = folder / other_languages.PROGRAM
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


def make(language: str, folder: Path) -> tuple[int, str]:
    outcome = runner.invoke(
        app, ["client", "--language", language, "--output", str(folder), "--url", "https://api.example.com"]
    )
    return outcome.exit_code, outcome.output


def test_python_client_says_how_it_is_installed(tmp_path: Path) -> None:
    code, output = make("python", tmp_path / "made")
    assert code == 0 and f"pip install '{tmp_path}/made[webhooks]'" in output
    assert (tmp_path / "made" / "src" / "vocalized_client" / "py.typed").is_file()


def test_folder_is_never_named_as_a_package_would_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pip install 'made[webhooks]'` installs the package `made` of the index."""
    monkeypatch.chdir(tmp_path)
    assert f"pip install '{tmp_path}/made[webhooks]'" in make("python", Path("made"))[1]
    for document in ("docs/use/clients.md", "clients/python/README.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert all(place.startswith("'./FOLDER") for place in re.findall(r"pip install (\S+\[webhooks\])", text))


def test_folder_of_others_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    code, output = make("python", tmp_path)
    assert code == 1 and str(tmp_path) in output and "Traceback" not in output


def test_document_alone(tmp_path: Path) -> None:
    assert make("document", tmp_path)[0] == 0
    document = json.loads((tmp_path / "openapi.json").read_text())
    assert document["servers"] == [{"url": "https://api.example.com"}]
    assert document["webhooks"] and document["paths"] == customer_document(api_document())["paths"]


def test_command_is_printed_where_the_generator_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin", "", monkeypatch)
    code, output = make("go", tmp_path / "out")
    source = tmp_path / "out" / "openapi.json"
    assert code == 3
    assert f"openapi-generator-cli generate -i {source} -g go -o {tmp_path / 'out' / 'go'}" in output
    assert "webhooks" not in json.loads(source.read_text())


def test_generator_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin", 'echo "$@" > "$0.seen"', monkeypatch)
    code, output = make("typescript", tmp_path / "out")
    seen = (tmp_path / "bin" / "openapi-generator-cli.seen").read_text().split()
    assert (code, seen[3:5]) == (0, ["-g", "typescript-fetch"]) and str(tmp_path / "out" / "typescript") in output


def test_failed_generator_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin", "echo broken; exit 4", monkeypatch)
    code, output = make("go", tmp_path / "out")
    assert code == 1 and "ended with 4" in output and "broken" in output


def test_slow_generator_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(tmp_path / "bin", "exec /bin/sleep 30", monkeypatch)
    monkeypatch.setattr(other_languages, "TIMEOUT_S", 0.2)
    code, output = make("go", tmp_path / "out")
    assert code == 1 and "longer than" in output


@pytest.mark.parametrize("url", ["nonsense", "ftp://h", "https://", "https://h/?x=1"])
def test_wrong_address_names_the_flag(tmp_path: Path, url: str) -> None:
    outcome = runner.invoke(app, ["client", "--language", "go", "--output", str(tmp_path), "--url", url])
    assert outcome.exit_code == 2 and "--url" in outcome.output and not list(tmp_path.iterdir())


def test_output_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, output = make("python", tmp_path / "file")
    assert code == 1 and "file" in output and "Traceback" not in output


def test_unknown_language_names_the_flag(tmp_path: Path) -> None:
    code, output = make("klingon", tmp_path)
    assert code == 2 and "--language" in output
