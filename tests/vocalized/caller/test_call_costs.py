"""What a call's providers cost the platform, for the one who made it."""

from decimal import Decimal
from io import StringIO
from typing import Any

from rich.console import Console

from vocalized.caller.call_costs import ProviderCost, sum_costs
from vocalized.caller.console import CallPrinter


def cost(role: str, provider: str, amount: float | None) -> dict[str, Any]:
    return {"resource_type": role, "provider": provider, "cost": amount}


def test_costs_are_summed_by_role_and_provider() -> None:
    costs = [
        cost("llm", "openai", 0.001), cost("llm", "openai", 0.002), cost("stt", "local", 0), cost("tts", "mine", None),
        cost("telephony", "twilio", 0.5), cost("stt", "deepgram", 0.0048),
    ]  # fmt: skip
    found = sum_costs({"costs": costs})
    assert found == (
        ProviderCost("openai", "llm", Decimal("0.003")), ProviderCost("deepgram", "stt", Decimal("0.0048")),
    )  # fmt: skip
    out = StringIO()
    CallPrinter(Console(file=out)).costs(found)
    assert out.getvalue() == "the platform pays openai llm $0.0030, deepgram stt $0.0048: $0.0078 in all\n"


def test_nothing_is_printed_where_nothing_was_paid() -> None:
    out = StringIO()
    CallPrinter(Console(file=out)).costs(sum_costs({}))
    assert out.getvalue() == ""
