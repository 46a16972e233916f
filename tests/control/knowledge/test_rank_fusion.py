"""Rankings whose scores cannot be compared are joined."""

from hypothesis import given
from hypothesis import strategies as st

from control.knowledge.search_query import fuse_ranks

RANKING = st.lists(st.integers(0, 9), unique=True, max_size=8)


def test_entry_of_both_rankings_is_before_those_of_one() -> None:
    assert [key for key, _ in fuse_ranks([["a", "b", "c"], ["d", "b"]])] == ["b", "a", "d", "c"]
    assert fuse_ranks([["a"], []]) == [("a", 1 / 61)] and fuse_ranks([]) == []


@given(st.lists(RANKING, max_size=3))
def test_all_entries_are_ranked_once_and_as_each_ranking_agrees(rankings: list[list[int]]) -> None:
    order = [key for key, _ in fuse_ranks(rankings)]
    assert sorted(order) == sorted({key for ranking in rankings for key in ranking})
    if len(rankings) == 1:
        assert order == rankings[0]
