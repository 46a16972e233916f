"""Names that become links in a letter, and names that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.http.names import holds_address, letter_name

HARMLESS = [
    "Ada Lovelace", "St. Mary's Dental", "J.P. Morgan", "Dr. Müller & Söhne", "Acme, Inc.", "No. 5", "Smith-Jones (UK)",
    "24/7 Plumbing", "A: B", "株式会社 アクメ", "O'Neill", "Version 2.0", "Suite 12-345",
    "Hotel: Roma", "Est. 1999-2024",
]  # fmt: skip
HARMFUL = [
    "https://evil.example/win", "evil.example", "Win at evil.example now", "www.evil", "HTTP://EVIL", "mail me@evil",
    "ada@evil.example", "x.co/free", "192.0.2.1/login", "http://[2001:db8::1]/", "[2001:db8::1]",
    "\uff45vil\uff0eexample", "ev\u200bil.\u00adexample", "evil\u3002example", "javascript://x", "Acme.Dental",
    "tel:1", "call +1 (646) 555-0123 now", "646 555 0123", "Tel:+16465550123", "SMS:12345",
    "mailto:a", "\uff0b16465550123",
]  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_stays_as_it_is(name: str) -> None:
    assert not holds_address(name)
    assert letter_name(name) == name


@pytest.mark.parametrize("name", HARMFUL)
def test_an_address_is_found_and_made_harmless(name: str) -> None:
    assert holds_address(name)
    assert not holds_address(letter_name(name))


def test_a_name_stays_on_one_line() -> None:
    assert letter_name("Acme\r\nBcc: all\u2028 \u202elatneD") == "Acme Bcc: all latneD"


@given(st.text(max_size=60))
def test_no_name_becomes_a_link(name: str) -> None:
    shown = letter_name(name)
    assert not holds_address(shown)
    assert shown.isprintable()


@given(
    st.lists(
        st.sampled_from(
            ["a", "www.", "tel:", "+", "555", "-", "://", "evil", ".", "@", "com", "1", "[", "]", " ", "\u3002"]
        ),
        max_size=25,
    )
)
def test_no_pile_of_signs_becomes_a_link(parts: list[str]) -> None:
    assert not holds_address(letter_name("".join(parts)))
