"""Pseudonyms of phone numbers: the same for the same caller of a workspace, and of no use without the keys."""

from uuid import UUID

from control.calls.deletion.rules import NumberPseudonyms
from shared.secrets import Sealer

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
HERE, THERE = UUID(int=1), UUID(int=2)
NUMBER = "+491511234567"


def test_pseudonym_belongs_to_number_workspace_and_key() -> None:
    pseudonyms = NumberPseudonyms(Sealer([OLD]))
    made = pseudonyms.make(HERE, NUMBER)
    assert made == NumberPseudonyms(Sealer([OLD])).make(HERE, NUMBER)
    others = {
        pseudonyms.make(THERE, NUMBER),
        pseudonyms.make(HERE, "+491511234568"),
        NumberPseudonyms(Sealer([NEW])).make(HERE, NUMBER),
    }
    assert len(others) == 3 and made not in others
    assert made.startswith("deleted-") and len(made) == 24 and NUMBER[3:] not in made


def test_pseudonym_under_an_old_key_is_still_known() -> None:
    old = NumberPseudonyms(Sealer([OLD])).make(HERE, NUMBER)
    rotated = NumberPseudonyms(Sealer([NEW, OLD]))
    assert rotated.make(HERE, NUMBER) != old
    assert rotated.list_all(HERE, NUMBER) == [rotated.make(HERE, NUMBER), old]
