"""Withheld numbers as carriers send them."""

import pytest

from control.calls.records.callers import ANONYMOUS, identify_caller, known_number


@pytest.mark.parametrize(
    "caller",
    [
        "", " ", "anonymous", "Anonymous", "Restricted", "Unavailable", "No Caller ID", "unknown", "+266696687",
        "266696687", "+7378742833", "+86282452253", "sip:anonymous@anonymous.invalid", "sip:x@anonymous.invalid",
        "sip:anonymous@a.b",
    ],
)  # fmt: skip
def test_withheld_numbers(caller: str) -> None:
    assert (identify_caller(caller), known_number(caller)) == (ANONYMOUS, "")


@pytest.mark.parametrize("caller", ["+14155550100", "+4930123456", "sip:ann@example.com", "+2666966870"])
def test_numbers(caller: str) -> None:
    assert (identify_caller(f" {caller}"), known_number(f" {caller}")) == (caller, caller)
