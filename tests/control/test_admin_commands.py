"""`python -m control admin` on a real database, against the API that the admins sign in at."""

import argparse
import asyncio
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from pydantic import SecretStr

from config.settings import DatabaseSettings
from control.__main__ import main
from control.accounts.second_factors import totp as second_factors_totp
from control.commands.admin import add_arguments, run
from tests.platform.api import PASSWORD, Api, running_api
from tests.platform.clients import Reply, Staff


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", database_url)
    # It would log to this test's captured stream, which is closed when the test is over.
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)


async def command(*arguments: str) -> int:
    """Returns the exit code. The command runs its own event loop, in a thread."""
    return await asyncio.to_thread(main, ["admin", *arguments])


async def log_in(api: Api, email: str, password: str, **codes: str) -> Reply:
    return await api.anonymous.post("/admin/auth/login", {"email": email, "password": password, **codes})


async def audited(api: Api, email: str) -> list[Any]:
    rows: list[Any] = await api.owner.fetch(
        "SELECT l.action, l.actor, l.details FROM audit_log l JOIN admins a ON l.resource_id = a.id::text "
        "WHERE a.email = $1 ORDER BY l.id",
        email,
    )
    return rows


async def test_generated_password_is_printed_once_and_signs_in(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    assert await command("create", "--email", "Grace@Example.com", "--role", "support", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["email"], printed["role"], printed["name"]) == ("grace@example.com", "support", "grace")
    assert (await log_in(api, "grace@example.com", printed["password"])).status == 200
    ((action, actor, _),) = (tuple(row) for row in (await audited(api, "grace@example.com"))[:1])
    assert (action, actor) == ("admin.create", "system")
    capsys.readouterr()
    assert await command("create", "--email", "grace@example.com") == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "There is an admin with this address" in captured.err


async def test_password_is_read_from_standard_input(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert await command("create", "--email", "ida@example.com", "--name", "Ida", "--ask") == 0
    out = capsys.readouterr().out
    assert out == "ida@example.com is an admin now (super_admin).\n"
    reply = await log_in(api, "ida@example.com", PASSWORD)
    assert reply.body["admin"]["name"] == "Ida"


class Terminal(io.StringIO):
    """A standard input at which a person sits."""

    def isatty(self) -> bool:
        return True


def test_a_person_types_the_password_twice(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([PASSWORD, "another long phrase"])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert main(["admin", "create", "--email", "kay@example.com", "--ask"]) == 1
    assert "the passwords differ" in capsys.readouterr().err


@pytest.mark.parametrize("interrupt", [EOFError, KeyboardInterrupt])
def test_a_person_who_types_no_password_is_told_so(
    interrupt: type[BaseException], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(prompt: str) -> str:
        raise interrupt

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", ask)
    assert main(["admin", "create", "--email", "kay@example.com", "--ask"]) == 1
    assert capsys.readouterr().err == "control: no password was typed\n"


@pytest.mark.parametrize(
    ("arguments", "typed", "message"),
    [
        (("create", "--email", "no address"), "", "@"),
        (("create", "--email", "eve@example.com", "--ask"), "", "no password was given"),
        (("create", "--email", "eve@example.com", "--ask"), "password123\n", "tried first"),
        (("reset-totp", "--email", "nobody@example.com"), "", "no admin with the address nobody@example.com"),
        (("disable", "--email", "nobody@example.com"), "", "no admin with the address nobody@example.com"),
    ],
)
def test_a_refusal_says_why(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    typed: str,
    message: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main(["admin", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and message in captured.err


def test_an_unreachable_database_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    url = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    settings = DatabaseSettings(database_url=url, log_level="info")
    with pytest.raises((OSError, asyncpg.PostgresError)):
        run(parser.parse_args(["disable", "--email", "a@example.com"]), settings)
    assert capsys.readouterr().out == ""


def test_a_password_is_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["admin", "create", "--email", "eve@example.com", "--password", PASSWORD])
    assert "unrecognized arguments" in capsys.readouterr().err


async def test_reset_totp_ends_the_sessions_and_the_second_factor(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    sam = await api.admin()
    offer = await sam.post("/admin/auth/totp", {"password": PASSWORD})
    code = second_factors_totp.code_at(offer.body["secret"], datetime.now(UTC))
    assert (await sam.post("/admin/auth/totp/confirm", {"code": code})).status == 204
    assert (await log_in(api, sam.email, PASSWORD)).code == "totp_required"
    assert await command("reset-totp", "--email", sam.email) == 0
    assert "no longer has a second factor" in capsys.readouterr().out
    codes = "SELECT count(*) FROM admin_recovery_codes WHERE admin_id = $1::uuid"
    assert await api.owner.fetchval(codes, sam.id) == 0
    assert (await sam.get("/admin/auth/me")).code == "session_over"
    signed_in = await log_in(api, sam.email, PASSWORD)
    assert signed_in.status == 200
    offered = await Staff(api.anonymous, sam.email, signed_in.body).post("/admin/auth/totp", {"password": PASSWORD})
    assert not set(offer.body["recovery_codes"]) & set(offered.body["recovery_codes"])
    (entry,) = (row for row in await audited(api, sam.email) if row["action"] == "admin.totp_reset")
    assert entry["actor"] == "system"
    assert entry["details"] == {"before": {"has_totp": True}, "after": {"has_totp": False}}


async def test_disabled_admin_is_refused_until_enabled(api: Api) -> None:
    sam = await api.admin()
    assert await command("disable", "--email", sam.email) == 0
    assert (await sam.get("/admin/auth/me")).code == "account_deactivated"
    refused = await log_in(api, sam.email, PASSWORD)
    assert (refused.status, refused.code) == (403, "account_deactivated")
    assert (await log_in(api, sam.email, "not the password")).code == "invalid_credentials"
    assert await command("enable", "--email", sam.email) == 0
    assert (await sam.get("/admin/auth/me")).code == "session_over"
    assert (await log_in(api, sam.email, PASSWORD)).status == 200
    actions = [row["action"] for row in await audited(api, sam.email)]
    assert [action for action in actions if action != "admin.sign_in"] == [
        "admin.create",
        "admin.disable",
        "admin.enable",
    ]


@pytest.mark.parametrize("action", ["reset-totp", "enable"])
async def test_an_admin_who_was_helped_need_not_wait(action: str, api: Api) -> None:
    sam = await api.admin()
    while (refused := await log_in(api, sam.email, "not the password")).code != "sign_in_locked":
        assert refused.code == "invalid_credentials"
    assert (await log_in(api, sam.email, PASSWORD)).code == "sign_in_locked"
    assert await command(action, "--email", sam.email) == 0
    assert (await log_in(api, sam.email, PASSWORD)).status == 200


async def test_the_last_super_admin_may_be_disabled_with_a_warning(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    await api.owner.execute("UPDATE admins SET is_active = false")
    for email in ("first@example.com", "last@example.com"):
        assert await command("create", "--email", email) == 0
    capsys.readouterr()
    assert await command("disable", "--email", "first@example.com") == 0
    assert "No super_admin is left" not in capsys.readouterr().out
    for _ in range(2):
        assert await command("disable", "--email", "last@example.com") == 0
        assert "No super_admin is left who may sign in" in capsys.readouterr().out
    assert await command("enable", "--email", "last@example.com") == 0


async def test_reset_gives_a_new_password_and_ends_everything(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    sam = await api.admin()
    offer = await sam.post("/admin/auth/totp", {"password": PASSWORD})
    code = second_factors_totp.code_at(offer.body["secret"], datetime.now(UTC))
    assert (await sam.post("/admin/auth/totp/confirm", {"code": code})).status == 204
    while (await log_in(api, sam.email, "not the password")).code != "sign_in_locked":
        pass
    capsys.readouterr()
    assert await command("reset", "--email", sam.email, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (await sam.get("/admin/auth/me")).code == "session_over"
    assert (await log_in(api, sam.email, PASSWORD)).code == "invalid_credentials"
    assert (await log_in(api, sam.email, printed["password"])).status == 200
    assert "admin.reset" in [row["action"] for row in await audited(api, sam.email)]
    assert await command("reset", "--email", sam.email) == 0
    assert "has a new password and no longer has a second factor" in capsys.readouterr().out


async def test_sessions_are_listed_and_ended(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    sam = await api.admin()
    capsys.readouterr()
    assert await command("sessions", "--email", sam.email) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "127.0.0.0/24" in line and "Python" in line
    session = line.split()[0]
    assert await command("sessions", "--email", sam.email, "--end", session) == 0
    assert (await sam.get("/admin/auth/me")).code == "session_over"
    assert await command("sessions", "--email", sam.email, "--end", session) == 1
    signed_in = Staff(api.anonymous, sam.email, (await log_in(api, sam.email, PASSWORD)).body)
    assert await command("sessions", "--email", sam.email, "--end-all") == 0
    assert (await signed_in.get("/admin/auth/me")).code == "session_over"
    capsys.readouterr()
    assert await command("sessions", "--email", sam.email) == 0
    assert "has no session" in capsys.readouterr().out
    actions = [row["action"] for row in await audited(api, sam.email)]
    assert actions[1:] == ["admin.sign_in", "admin.session_end", "admin.sign_in", "admin.sessions_end"]
