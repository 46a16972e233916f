"""`python -m control providers` on a real database."""

import asyncio
import io
import socket

import pytest

from control.__main__ import main
from control.db.pool import open_pool
from shared.secrets import new_key
from tests.platform.catalog import seed_catalog

SECRET = "sk-secret-1"


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch, database_url: str) -> "Providers":
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", database_url)
    monkeypatch.setenv("VOCALIZED_SECRET_KEYS", new_key())
    # It would log to this test's captured stream, which is closed when the test is over.
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)
    asyncio.run(_seed(database_url))
    return Providers(monkeypatch)


async def _seed(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool, pool.transaction() as db:
        await seed_catalog(db)


class Providers:
    """Runs the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str, stdin: str = "") -> int:
        """Returns the exit code."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        return main(["providers", *arguments])


def test_a_key_from_standard_input_puts_an_instance_into_service(
    providers: Providers, capsys: pytest.CaptureFixture[str]
) -> None:
    address = ("--base-url", "http://127.0.0.1:9/v1", "--model", "tiny")
    assert providers.run("set-key", "my-llama", "--vendor", "openai", *address, stdin=f"{SECRET}\n") == 0
    assert "my-llama is in service (vendor openai, with a key)" in capsys.readouterr().out
    assert providers.run("list") == 0
    listed = capsys.readouterr().out
    lines = {line.split()[0]: " ".join(line.split()) for line in listed.splitlines()}
    assert lines["my-llama"] == "my-llama openai llm in service tiny http://127.0.0.1:9/v1"
    assert lines["deepgram"].startswith("deepgram deepgram stt+tts no key")
    assert lines["elevenlabs"].startswith("elevenlabs elevenlabs stt+tts no key")
    assert lines["groq"].startswith("groq openai llm no key")
    assert lines["standin"].startswith("standin standin stt+llm+tts for tests")
    assert SECRET not in listed


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("set-key", "openai"), "", "no key was given on standard input"),
        (
            ("set-key", "mine", "--vendor", "acme"),
            SECRET,
            "no adapter for vendor 'acme' that takes a key, only for anthropic, assemblyai, azure-speech, cartesia,",
        ),
        (("set-key", "other"), SECRET, "for a new one name its vendor"),
        (("test", "openai"), "", "openai has no key"),
        (("test", "nobody"), "", "there is no provider 'nobody'"),
    ],
)
def test_a_refusal_says_why(
    providers: Providers, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], stdin: str, message: str
) -> None:
    assert providers.run(*arguments, stdin=stdin) == 1
    error = capsys.readouterr().err
    assert message in error
    assert SECRET not in error


def test_a_provider_that_does_not_answer_is_reported(providers: Providers, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        new = ("--vendor", "openai", "--base-url", url, "--model", "tiny", "--no-key")
        assert providers.run("set-key", "gone", *new) == 0
        assert providers.run("test", "gone", "--timeout", "5") == 1
    assert "gone failed: no connection: ConnectError" in capsys.readouterr().err


def test_settings_are_needed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("VOCALIZED_DATABASE_URL", raising=False)
    monkeypatch.delenv("VOCALIZED_SECRET_KEYS", raising=False)
    assert main(["providers", "list"]) == 2
    error = capsys.readouterr().err
    assert "VOCALIZED_DATABASE_URL" in error
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", "postgresql://x/y")
    assert main(["providers", "list"]) == 2
    assert "VOCALIZED_VAULT_KEYS" in capsys.readouterr().err


def test_an_option_out_of_bounds_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--priority", "-1"], ["--priority", "x"]):
        with pytest.raises(SystemExit):
            main(["providers", "set-key", "openai", *wrong])
    with pytest.raises(SystemExit):
        main(["providers", "test", "openai", "--timeout", "0"])
    assert "more than 0, at most 300" in capsys.readouterr().err
