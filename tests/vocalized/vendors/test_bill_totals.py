"""Totals of what a simulated vendor billed."""

from simulator.vendors.server import BilledItem
from vocalized.vendors.bill_totals import MAX_TOTALS, OTHER_MODELS, TotalledVendorState


def test_bills_are_added_up() -> None:
    state = TotalledVendorState()
    for _ in range(3):
        state.bill("tts", "sonic", "characters", 10)
        state.bill("stt", "nova", "ms", 20)
        state.bill("stt", "nova", "ms", 0)
    assert state.billed == [BilledItem("tts", "sonic", "characters", 30), BilledItem("stt", "nova", "ms", 60)]


def test_any_number_of_models_takes_bounded_memory() -> None:
    state = TotalledVendorState()
    for number in range(MAX_TOTALS + 50):
        state.bill("llm", f"model-{number}", "prompt_tokens", 1)
        state.bill("llm", "model-0", "prompt_tokens", 1)
    assert len(state.billed) == MAX_TOTALS + 1
    assert state.total("llm", "prompt_tokens") == 2 * (MAX_TOTALS + 50)
    assert state.billed[-1] == BilledItem("llm", OTHER_MODELS, "prompt_tokens", 50)
