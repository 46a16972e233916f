"""Which tests go to one test process."""

from pathlib import Path

import pytest

from tests.platform.file_scheduler import TOGETHER, FileScheduler, find_group

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/network/test_calls.py::test_status_and_times[twilio-inbound]", "tests/network"),
        ("tests/control/api/test_calls.py::test_a[tests/network/b::c]", "tests/control/api/test_calls.py"),
        ("tests/network_other/test_a.py::test_b", "tests/network_other/test_a.py"),
    ],
)
def test_the_files_of_a_folder_that_shares_the_platform_stay_together(nodeid: str, group: str) -> None:
    assert find_group(nodeid) == group


def test_the_folders_exist() -> None:
    assert [folder for folder in TOGETHER if not list((ROOT / folder).glob("test_*.py"))] == []


@pytest.mark.parametrize(("dist", "is_ours"), [("loadfile", True), ("load", False)])
def test_loadfile_is_ours(
    dist: str, is_ours: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tests/conftest.py` answers before pytest-xdist does, and for this way of distribution only."""
    monkeypatch.setattr(request.config.option, "dist", dist)
    monkeypatch.setattr(request.config.option, "tx", ["popen"])
    answers = [
        implementation.function(config=request.config, log=None)
        for implementation in request.config.hook.pytest_xdist_make_scheduler.get_hookimpls()
        if implementation.plugin_name == str(ROOT / "tests" / "conftest.py")
    ]
    assert [isinstance(answer, FileScheduler) for answer in answers] == [is_ours]
