"""The process beside the workers: started again after a crash, within bounds; off for good when it cannot run."""

import sys
from pathlib import Path

import pytest
import structlog

from media.providers.turn_teacher.host import UNUSABLE
from media.providers.turn_teacher.process import RestartPolicy, TeacherProcess, running_teacher

# Writes a line in the file for each start, and ends with an exit code.
STARTS = "import sys; open(sys.argv[1], 'a').write('x'); print('reason'); sys.exit(int(sys.argv[2]))"
AT_ONCE = RestartPolicy(first_s=0.0, most_restarts=2)


def run_to_its_end(path: Path, code: int, policy: RestartPolicy = AT_ONCE) -> tuple[int, list[str]]:
    """Returns the number of starts, and the logged events."""
    process = TeacherProcess([sys.executable, "-S", "-c", STARTS, str(path), str(code)], policy)
    with structlog.testing.capture_logs() as logs:
        process.start()
        process.join(60)
    assert process.is_given_up
    assert logs[0]["reason"] == "reason"
    return len(path.read_text()), [each["event"] for each in logs]


def test_a_crash_is_followed_by_a_bounded_number_of_restarts(tmp_path: Path) -> None:
    starts, logged = run_to_its_end(tmp_path / "starts", 1)
    assert starts == 3
    assert logged == ["teacher.died"] * 3 + ["teacher.given_up"]


def test_of_much_that_was_printed_the_end_is_kept() -> None:
    script = "import sys; print('\\n'.join(map(str, range(200_000)))); sys.exit(3)"
    process = TeacherProcess([sys.executable, "-S", "-c", script], AT_ONCE)
    with structlog.testing.capture_logs() as logs:
        process.start()
        process.join(60)
    assert logs[0]["reason"].endswith("199998\n199999")
    assert len(logs[0]["reason"]) == 300


def test_a_process_that_cannot_run_is_not_started_again(tmp_path: Path) -> None:
    starts, logged = run_to_its_end(tmp_path / "starts", UNUSABLE)
    assert starts == 1
    assert logged == ["teacher.died", "teacher.given_up"]


def test_a_command_that_is_not_there_is_given_up() -> None:
    process = TeacherProcess(["/gone/python"], AT_ONCE)
    process.start()
    process.join(60)
    assert process.is_given_up


@pytest.mark.parametrize(("ends", "seconds"), [(1, 1), (2, 2), (4, 8), (7, 60), (50, 60)])
def test_the_wait_before_a_restart_doubles(ends: int, seconds: float) -> None:
    assert RestartPolicy().wait_s(ends) == seconds


def test_stop_ends_a_process_that_waits_to_be_started_again(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-c", STARTS, str(tmp_path / "starts"), "1"]
    process = TeacherProcess(command, RestartPolicy(first_s=3_600.0))
    process.start()
    process.stop()
    assert process.is_given_up


def test_leaving_the_block_ends_the_process(socket_path: Path) -> None:
    with running_teacher(socket_path) as process:
        pass
    assert process.is_given_up
    assert not socket_path.exists()
