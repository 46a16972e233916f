"""The state of an OAuth flow is signed: any change of it, and any other text, is refused."""

from hypothesis import given, settings
from hypothesis import strategies as st

from control.integrations.grants.rules import StateSigner
from shared.secrets import Sealer

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
SIGNER = StateSigner(Sealer([OLD]))


def test_state_is_accepted_for_its_own_type_only_and_after_a_rotation_of_keys() -> None:
    state = SIGNER.new("slack")
    assert SIGNER.check(state.text, "slack") == state.hash
    assert StateSigner(Sealer([NEW, OLD])).check(state.text, "slack") == state.hash
    assert SIGNER.check(state.text, "hubspot") is None
    assert StateSigner(Sealer([NEW])).check(state.text, "slack") is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_changed_state_is_refused(data: st.DataObject) -> None:
    text = SIGNER.new("slack").text
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda character: character != text[place]))
    assert SIGNER.check(text[:place] + other + text[place + 1 :], "slack") is None
    assert SIGNER.check(text[:place], "slack") is None and SIGNER.check(text + other, "slack") is None


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_other_text_is_refused(text: str) -> None:
    assert SIGNER.check(text, "slack") is None
