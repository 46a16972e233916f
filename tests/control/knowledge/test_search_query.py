"""Which words of a question are searched, and with which weights."""

from functools import cache
from time import process_time
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from control.knowledge.search_query import (
    MOST_CANDIDATES,
    SearchTerm,
    WordForm,
    choose_terms,
    find_similar,
    make_query,
    most_differing,
    sample_size,
    split_question,
)
from tests.platform.computation import slowed

WORKSPACE = UUID(int=5)
SCOPE = f"'w:{WORKSPACE.hex}'"


def test_question_is_split_into_its_words_once() -> None:
    assert split_question("What's the price - the PRICE - of a zirconia crown?") == [
        "what's", "the", "price", "of", "a", "zirconia", "crown",
    ]  # fmt: skip


def test_word_is_searched_as_each_language_stems_it() -> None:
    forms = [
        WordForm("prices", "price", 3), WordForm("prices", "prices", 0),  # English, German
        WordForm("the", None, 0), WordForm("the", "the", 0),
        WordForm("kronen", "kronen", 0), WordForm("kronen", "kron", 2),
        WordForm("zirconia", "zirconia", 0), WordForm("zirconia", "zirconia", 0),
    ]  # fmt: skip
    assert choose_terms(forms) == [
        SearchTerm("prices", "price", 3), SearchTerm("kronen", "kron", 2), SearchTerm("zirconia", "zirconia", 0),
    ]  # fmt: skip


def test_rare_word_weighs_more_and_unknown_words_count_in_the_total() -> None:
    terms = [SearchTerm("crown", "crown", 2), SearchTerm("price", "price", 400), SearchTerm("moon", "moon", 0)]
    query = make_query(terms, 1_000, WORKSPACE, [])
    assert query is not None
    assert query.attempts == (f"{SCOPE} & ('crown' | 'price')",)
    weights = dict(query.terms)
    assert weights["'crown'"] > 5 * weights["'price'"] > 0
    assert query.total_weight > sum(weights.values())
    assert make_query(terms[2:], 1_000, WORKSPACE, []) is None


def test_chunks_without_a_rare_word_are_not_ranked() -> None:
    common = MOST_CANDIDATES + 1
    query = make_query(
        [SearchTerm("crown", "crown", 5), SearchTerm("price", "price", common)], 100_000, WORKSPACE, [UUID(int=7)]
    )
    assert query is not None
    only = f"{SCOPE} & ('d:{UUID(int=7).hex}')"
    assert query.attempts == (f"{only} & ('crown')", f"{only} & ('crown' | 'price')")  # the rare word may be elsewhere
    every = make_query([SearchTerm("a", "a", common), SearchTerm("b", "b", common + 1)], 100_000, WORKSPACE, [])
    assert every is not None
    assert every.attempts == (f"{SCOPE} & ('a' & 'b')", f"{SCOPE} & ('a')")


def test_frequent_words_are_searched_in_a_sample_with_as_many_candidates() -> None:
    def term(word: str, chunks: int) -> SearchTerm:
        return SearchTerm(word, word, chunks)

    frequent = [term("a", 50_000), term("b", 40_000), term("c", 50_000), term("d", 90_000)]
    assert sample_size(frequent, 100_000) == 5_000, "a tenth of the chunks has the three rarest words"
    assert sample_size([term("a", 3_000), term("b", 4_000)], 100_000) == 0, "most chunks would have to be searched"
    assert sample_size([term("a", MOST_CANDIDATES), *frequent], 100_000) == 0, "the rare word leads there"
    assert sample_size([term("a", 0)], 100_000) == 0
    query = make_query(frequent, 100_000, WORKSPACE, [], [UUID(int=7)])
    assert query is not None
    assert query.sample == f"{SCOPE} & ('d:{UUID(int=7).hex}') & ('b' & 'a' & 'c')"
    assert query.attempts == (f"{SCOPE} & ('b' & 'a' & 'c')", f"{SCOPE} & ('b')")


def test_quotes_and_backslashes_stay_within_a_lexeme() -> None:
    query = make_query([SearchTerm("x", "o'neil\\", 1)], 10, WORKSPACE, [])
    assert query is not None
    assert query.terms[0][0] == "'o''neil\\\\'"


@pytest.mark.parametrize(
    ("heard", "found"),
    [("zirkonia", "zirconia"), ("zircnoia", "zirconia"), ("zirconium", "zirconia"), ("crwon", "crown"), ("crumb", "")],
)
def test_misheard_word_finds_a_similar_one(heard: str, found: str) -> None:
    known = [SearchTerm("", "zirconia", 3), SearchTerm("", "crown", 9), SearchTerm("", "crowd", 2)]
    near = find_similar(SearchTerm(heard, heard, 0), known)
    assert ("" if near is None else near.text) == found
    assert near is None or (near.word, near.factor < 1) == (heard, True)


def count_differences(one: str, other: str) -> int:
    """The distance by its definition."""

    @cache
    def count(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        costs = [count(i - 1, j) + 1, count(i, j - 1) + 1, count(i - 1, j - 1) + (one[i - 1] != other[j - 1])]
        if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
            costs.append(count(i - 2, j - 2) + 1)
        return min(costs)

    return count(len(one), len(other))


@settings(max_examples=300, deadline=None)
@given(st.text("abc", min_size=4, max_size=9), st.text("abc", min_size=3, max_size=11))
@example("abcabcabc", "bacbacabc")
def test_word_is_similar_exactly_if_few_letters_differ(heard: str, known: str) -> None:
    near = find_similar(SearchTerm(heard, heard, 0), [SearchTerm("", known, 1)])
    assert (near is not None) == (count_differences(heard, known) <= most_differing(heard))


def test_long_words_are_compared_near_the_diagonal_only() -> None:
    known = [SearchTerm("", "ab" * 47 + f"{n:06d}", 1) for n in range(1_000)]
    began = process_time()
    assert find_similar(SearchTerm("", "ab" * 47 + "000999", 0), known)
    assert process_time() - began < slowed(1.2)  # all cells took 2.4 s
