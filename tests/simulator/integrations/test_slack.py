"""The simulated Slack refuses as its documentation says: with status 200."""

import pytest

from simulator.integrations.errors import VendorRefusal
from simulator.integrations.slack import LONGEST_TEXT, SlackTeam

CHANNEL = "C0123456789"


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("/chat.postMessage", {"channel": "C0", "text": "Hello"}, "channel_not_found"),
        ("/chat.postMessage", {"channel": "C1", "text": "Hello"}, "is_archived"),
        ("/chat.nothing", {}, "unknown_method"),
    ],
)
def test_refusal(path: str, body: dict[str, str], error: str) -> None:
    team = SlackTeam(messages={CHANNEL: [], "C1": []}, archived={"C1"})
    with pytest.raises(VendorRefusal) as caught:
        team.run("POST", path, {}, body)
    assert (caught.value.status, caught.value.body) == (200, {"ok": False, "error": error})
    assert not any(team.messages.values())


def test_messages_have_times_of_their_own_and_are_cut() -> None:
    team = SlackTeam()
    times = {
        team.run("POST", "/chat.postMessage", {}, {"channel": CHANNEL, "text": "x" * 50_000})["ts"] for _ in range(2)
    }
    assert len(times) == 2
    assert [len(one["text"]) for one in team.messages[CHANNEL]] == [LONGEST_TEXT] * 2
