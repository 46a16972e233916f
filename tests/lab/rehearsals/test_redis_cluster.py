"""The scenarios that run on a Redis Cluster."""

import pytest

from lab.__main__ import main


@pytest.mark.parametrize("names", [["outages"], ["lines"], ["nothing"], ["greeting", "node"]])
def test_others_are_refused_before_anything_starts(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--redis-cluster", *names]) == 2
    assert "greeting, house, node" in capsys.readouterr().err
