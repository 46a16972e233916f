"""Builds the Python client, installs it in an environment of its own, and uses it: python -m tools.client_package

Not part of the suite, because it takes a minute: it makes the wheel with hatchling, which is fetched for that, installs
it with its extra, checks each program of its README, and a wrong one, by `mypy --strict` against what is installed, and
runs the first one against `vocalized up`. Ends with an error at the first step that fails.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.request import Request, urlopen

ROOT: Final = Path(__file__).resolve().parents[1]
STEP_S: Final = 300
START_S: Final = 120
WRONG: Final = """from vocalized_client import Vocalized

client = Vocalized()
client.calls.place(agent_id="x", phone_number_to_call="+1")
client.calls.place(agent_id=1, phone_number_to_call="+1")  # wrong
client.calls.place(agent_id="x")  # wrong
client.calls.place(agent_id="x", phone_number_to_call="+1", wait=True)  # wrong
client.agents.create(name="x", config={"turn": {"silence_ms": "long"}})  # wrong
client.calls.list(status="over")  # wrong
for call in client.calls.list():
    call.duration_seconds + 1
    call.duration  # wrong
    call.agent_id.hex  # wrong
"""


def main() -> None:
    with TemporaryDirectory(prefix="vocalized-client-") as name:
        folder = Path(name)
        python = install(folder)
        programs = write_programs(folder)
        for program in programs:
            run(sys.executable, "-m", "mypy", "--strict", "--python-executable", python, program, cwd=folder)
        refuse_wrong_types(python, folder)
        with running_stack(folder / "state") as stack:
            environment = {"VOCALIZED_BASE_URL": stack["control"], "VOCALIZED_API_KEY": make_key(stack)}
            run(python, programs[0], cwd=folder, env={**os.environ, **environment})
    print("client_package: done")


def install(folder: Path) -> str:
    """Builds the wheel and returns the interpreter of the environment that has it."""
    source, wheels, environment = folder / "source", folder / "wheels", folder / "environment"
    run(sys.executable, "-m", "vocalized", "client", "--language", "python", "--output", source)
    run(sys.executable, "-m", "uv", "build", "-q", "--wheel", "--out-dir", wheels, source)
    (wheel,) = wheels.glob("*.whl")
    python = str(environment / "bin" / "python")
    run(sys.executable, "-m", "uv", "venv", "-q", "--python", sys.executable, environment)
    run(sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, f"{wheel}[webhooks]")
    return python


def write_programs(folder: Path) -> list[Path]:
    """The README's programs as files."""
    text = (ROOT / "clients" / "python" / "README.md").read_text(encoding="utf-8")
    paths = []
    for number, program in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)):
        paths.append(folder / f"program_{number}.py")
        paths[-1].write_text(program, encoding="utf-8")
    return paths


def refuse_wrong_types(python: str, folder: Path) -> None:
    """mypy names each wrong line, and no other."""
    program = folder / "wrong.py"
    program.write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", python, program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=STEP_S, check=False)
    named = {int(number) for number in re.findall(r"^wrong.py:(\d+): error", done.stdout, re.MULTILINE)}
    wrong = {number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# wrong")}
    if named != wrong:
        raise SystemExit(f"client_package: mypy names {sorted(named)}, wrong are {sorted(wrong)}:\n{done.stdout}")


@contextmanager
def running_stack(state: Path) -> Iterator[dict[str, Any]]:
    """What `vocalized up --json` says about itself, until the block ends."""
    command = [sys.executable, "-m", "vocalized", "up", "--json", "--state", str(state)]
    command += ["--control-port", "0", "--media-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(START_S)


def make_key(stack: dict[str, Any]) -> str:
    """The secret of a key with which the README's program may do what it does."""
    token = post(f"{stack['control']}/auth/login", stack["user"])["token"]
    body = {"name": "client", "scopes": ["agents:read", "calls:read", "calls:write", "workspace:read"]}
    path = f"{stack['control']}/workspaces/{stack['workspace_id']}/api-keys"
    secret: str = post(path, {**body, "expires_at": None}, token)["secret"]
    return secret


def post(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    with urlopen(Request(url, json.dumps(body).encode(), headers), timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Raises CalledProcessError, TimeoutExpired."""
    print("client_package:", " ".join(map(str, command[:6])), flush=True)
    subprocess.run(command, cwd=cwd, env=env, timeout=STEP_S, check=True)


if __name__ == "__main__":
    main()
