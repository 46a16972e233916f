"""`python -m control prices` on a real database."""

import asyncio

import pytest

from control.__main__ import main
from control.db.pool import open_pool
from tests.platform.catalog import seed_catalog


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setenv("VOCALIZED_DATABASE_URL", database_url)
    # It would log to this test's captured stream, which is closed when the test is over.
    monkeypatch.setattr("control.__main__.configure_logs", lambda level: None)
    asyncio.run(_seed(database_url))


async def _seed(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool, pool.transaction() as db:
        await seed_catalog(db)


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["prices", "list", *arguments]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_price_that_is_set_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "set", "twilio", "telephony", "inbound", "minute", "0.0085"]) == 0
    assert "0.0085 USD" in capsys.readouterr().out
    (line,) = [line for line in listed(capsys, "twilio") if line.startswith("cost")]
    assert line.startswith("cost twilio telephony inbound minute 0.0085 USD")
    assert line.endswith("operator")
    whole = listed(capsys)
    assert "cost deepgram stt nova-3 minute 0.0048 USD 2020-01-01T00:00:00+00:00 shipped" in whole
    assert "price growth call_minutes * minute 0.1 USD 2020-01-01T00:00:00+00:00 tier" in whole


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody", "llm", "*", "million_prompt_tokens", "1"), "there is no llm provider 'nobody'"),
        (("deepgram", "stt", "*", "thousand_characters", "1"), "the price of stt is per minute"),
        (("deepgram", "stt", "*", "minute", "-1"), "from 0 to 1000000 US dollars"),
    ],
)
def test_a_refusal_says_why(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    provider, role, model, unit, price = arguments
    assert main(["prices", "set", provider, role, model, unit, "--", price]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("price", ["x", "NaN", "Infinity"])
def test_a_price_is_a_number(capsys: pytest.CaptureFixture[str], price: str) -> None:
    with pytest.raises(SystemExit):
        main(["prices", "set", "deepgram", "stt", "*", "minute", price])
    assert "not a number" in capsys.readouterr().err
