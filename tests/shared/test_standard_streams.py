"""A program that is started with closed standard streams: no file or socket gets their numbers, and no log line."""

import subprocess
import sys

PROGRAM = """
import os, socket, sys
sys.path.insert(0, ".")
from shared.standard_streams import fill_standard_streams
fill_standard_streams()
from shared.logs import configure_logs
import shared.log_sink
import structlog
configure_logs()
ours, theirs = socket.socketpair()
structlog.get_logger().info("call.started", number=1)
print("into nowhere", file=sys.stderr)
theirs.settimeout(0.2)
try:
    print("leaked", theirs.recv(100))
except TimeoutError:
    pass
with open(sys.argv[1], "w") as file:
    from shared import logs
    print(min(ours.fileno(), theirs.fileno()) > 2, logs._process.sink.dropped, file=file)
"""


def test_nothing_gets_the_numbers_of_closed_streams(tmp_path) -> None:  # type: ignore[no-untyped-def]
    result = tmp_path / "result"
    command = [sys.executable, "-c", PROGRAM, str(result)]
    subprocess.run(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command], check=True, timeout=60)
    assert result.read_text() == "True 1\n"
