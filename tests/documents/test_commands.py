"""Each command block of the documents for newcomers runs as written, in order, on an empty state folder.

Each document runs in a copy of the checkout, because `var/up` is where the commands look, and in a network of its own,
because the ports are those that the documents name.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.documents.command_blocks import make_script

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# Two months of billing are three starts and six waits of up to a minute.
LIMIT_S = 900
OWN_NETWORK = ("unshare", "--net", "bash", "-c", 'ip link set lo up && exec "$@"', "bash")


@pytest.fixture
def checkout() -> Iterator[Path]:
    """Yield a copy of this checkout without state, in a folder that PostgreSQL's user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="vocalized-documents-"))
    folder.chmod(0o755)
    copy = folder / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (source := ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name)
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())
    yield copy
    shutil.rmtree(folder)


def own_network() -> tuple[str, ...]:
    """Return what a command is started with to get a network of its own, where this is permitted."""
    permitted = subprocess.run([*OWN_NETWORK, "true"], capture_output=True).returncode == 0
    return OWN_NETWORK if permitted else ()


def run_document(
    checkout: Path, name: str, replacements: Mapping[str, str] | None = None, *, platform: bool = False
) -> str:
    """Run a document's blocks; return what was printed. platform: of `up`, which the document expects to run."""
    script, text = checkout / "document.sh", (checkout / name).read_text()
    before = "```sh\n.venv/bin/python -m vocalized up\n```\n" if platform else ""
    script.write_text(make_script(before + text, replacements or {}))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("VOCALIZED_", "MAKE"))}
    with subprocess.Popen(
        [*own_network(), "bash", str(script)], cwd=checkout, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired as error:
            process.terminate()
            output, _ = process.communicate(timeout=60)
            raise AssertionError(f"{name} took more than {LIMIT_S} s:\n{output}") from error
    assert process.returncode == 0, output
    return output


def test_readme(checkout: Path) -> None:
    number = '$(eval "$(.venv/bin/python -m vocalized env)"; echo "$NUMBER")'
    assert "completed" in run_document(checkout, "README.md", {"--to NUMBER": f'--to "{number}"'})


def test_quick_start(checkout: Path) -> None:
    agent = ".venv/bin/python -m vocalized agent "
    output = run_document(
        checkout,
        "docs/use/quick-start.md",
        {"--model NAME": "--model any", "--to NUMBER": '--to "$AGENT_NUMBER"', agent: "vocalized_agent "},
    )
    assert "Night line answers +1" in output and output.count("completed") >= 3


def test_stripe_page(checkout: Path) -> None:
    assert '"kind":"refund","amount":-50' in run_document(checkout, "docs/run/stripe.md")


def test_integrations_page(checkout: Path) -> None:
    output = run_document(checkout, "docs/use/simulated-integrations.md")
    assert "tool check_availability: done" in output and '"summary": "Closed"' in output


def test_clients_page(checkout: Path) -> None:
    run_document(checkout, "docs/use/clients.md", {"FOLDER": "var/client"})
    assert (checkout / "var" / "client" / "pyproject.toml").is_file()


def test_mcp_page(checkout: Path) -> None:
    output = run_document(checkout, "docs/use/mcp.md", {"https://api.example.com": "$API"}, platform=True)
    assert '"name":"list_calls"' in output.replace(": ", ":")
