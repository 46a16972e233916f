"""Running a server under test."""

import os
from pathlib import Path

import pytest

from lab.benchmarks.server import Contender, NotReady, running

HEALTHY = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_server_runs_on_its_core_and_is_stopped(tmp_path: Path) -> None:
    own = os.sched_getaffinity(0)
    core = max(own)
    with running(Contender("x", "x", ("-c", HEALTHY, "{port}"), "/media"), core, tmp_path / "log") as server:
        assert os.sched_getaffinity(server.pid) == {core}
        assert os.sched_getaffinity(0) == own
        assert server.url.startswith("ws://127.0.0.1:")
        assert server.url.endswith("/media")
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_error_of_a_server_that_ends_early_has_its_log(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    code = "import os; raise SystemExit('no plan in ' + os.environ['BENCH'])"
    broken = Contender("x", "x", ("-c", code), "/media", environment={"BENCH": "here"})
    with pytest.raises(NotReady, match="no plan in here"), running(broken, core, tmp_path / "log"):
        pass
