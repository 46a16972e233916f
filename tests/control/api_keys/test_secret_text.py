"""The text of secrets: random, recognizable, and each slip of the pen is found without a look-up."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from control.http.key_text import ALPHABET, PATTERN, checksum, is_well_formed, make_secret


def test_secrets_match_the_published_pattern_and_differ() -> None:
    made = {make_secret() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(PATTERN, secret) and is_well_formed(secret) for secret in made)
    assert {character for secret in made for character in secret[8:51]} == set(ALPHABET)


def test_checksum_is_the_crc_32_in_base_62() -> None:
    # CRC-32 of "123456789" is 0xCBF43926 by its definition.
    digits = [ALPHABET.index(digit) for digit in checksum("123456789")]
    assert sum(digit * 62**place for place, digit in enumerate(reversed(digits))) == 0xCBF43926
    assert checksum("") == "000000"


@given(place=st.integers(8, 56), character=st.sampled_from(ALPHABET))
@settings(max_examples=50)
def test_one_wrong_character_is_found(place: int, character: str) -> None:
    secret = make_secret()
    wrong = secret[:place] + character + secret[place + 1 :]
    assert is_well_formed(wrong) is (wrong == secret)


@given(st.text(ALPHABET + "_- é\n", max_size=60))
@settings(max_examples=50)
def test_other_texts_are_none(text: str) -> None:
    assert not is_well_formed(text) and not is_well_formed(f"vk_live_{text}")


def test_lines_and_ends_count() -> None:
    secret = make_secret()
    assert not any(
        is_well_formed(text) for text in (secret + "\n", " " + secret, secret[:-1], secret + "0", secret[8:])
    )
