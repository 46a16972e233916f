"""storage_media.py against a server that answers as Garage's administration API is documented to."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.deploy.manifests import DEPLOY

KEY = {"MEDIA_STORAGE_USER": "GK" + "0" * 23 + "2", "MEDIA_STORAGE_PASSWORD": "a" * 64}


class Garage(ThreadingHTTPServer):
    """Keys by name, and what each may do in the only bucket."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: dict[str, str] = {}
        self.rights: dict[str, dict[str, bool]] = {}

    def answer(self, call: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = body.get("accessKeyId", "")
        if call == "/v2/ImportKey":
            if name in self.keys:
                return 409, {"code": "KeyAlreadyExists"}
            self.keys[name] = body["secretAccessKey"]
        elif call.startswith("/v2/GetKeyInfo?"):
            name = call.partition("id=")[2].partition("&")[0]
            return 200, {"accessKeyId": name, "secretAccessKey": self.keys[name]}
        elif call in ("/v2/AllowBucketKey", "/v2/DenyBucketKey"):
            changed = {right: call == "/v2/AllowBucketKey" for right, on in body["permissions"].items() if on}
            self.rights.setdefault(name, {}).update(changed)
        elif call != "/v2/GetBucketInfo?globalAlias=recordings":
            return 404, {}
        return 200, {"id": "b1"}


class _Handler(BaseHTTPRequestHandler):
    server: Garage

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        signed = self.headers["Authorization"] == "Bearer token"
        status, answer = self.server.answer(self.path, body) if signed else (403, {})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_POST

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def garage() -> Iterator[Garage]:
    with Garage() as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(garage: Garage, **changed: str) -> subprocess.CompletedProcess[str]:
    settings = {"STORAGE_ADMIN_URL": f"http://127.0.0.1:{garage.server_address[1]}", "STORAGE_ADMIN_TOKEN": "token"}
    command = [sys.executable, "-I", str(DEPLOY / "storage_media.py")]
    return subprocess.run(command, env={**settings, **KEY, **changed}, capture_output=True, text=True, timeout=60)


def test_medias_key_may_write_and_not_read(garage: Garage) -> None:
    garage.rights[KEY["MEDIA_STORAGE_USER"]] = {"read": True, "owner": True}
    assert run(garage).returncode == 0
    assert run(garage).returncode == 0, "it may run again"
    assert garage.keys == {KEY["MEDIA_STORAGE_USER"]: KEY["MEDIA_STORAGE_PASSWORD"]}
    assert garage.rights == {KEY["MEDIA_STORAGE_USER"]: {"read": False, "owner": False, "write": True}}


def test_reports_a_different_secret_for_the_same_key(garage: Garage) -> None:
    assert run(garage).returncode == 0
    other = run(garage, MEDIA_STORAGE_PASSWORD="b" * 64)
    assert other.returncode == 1 and "MEDIA_STORAGE_PASSWORD" in other.stderr and "Traceback" not in other.stderr
    assert "b" * 64 not in other.stderr and "a" * 64 not in other.stderr


def test_refusals_and_silence_are_one_sentence(garage: Garage) -> None:
    refused = run(garage, STORAGE_ADMIN_TOKEN="wrong")
    assert (refused.returncode, refused.stderr) == (1, "storage refused ImportKey: status 403\n")
    absent = run(garage, STORAGE_ADMIN_URL="http://127.0.0.1:1")
    assert absent.returncode == 1 and absent.stderr.startswith("storage does not answer")
    assert absent.stderr.count("\n") == 1
