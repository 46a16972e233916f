"""Command blocks of a document as one script: what a reader does in two windows.

A command that runs until Ctrl-C gets a window of its own, which the next one of its kind takes over.
"""

import re
from collections.abc import Iterator, Mapping
from textwrap import dedent
from typing import Final

# What runs until Ctrl-C: how its command line is recognized, and what its window shows when it is ready.
_WINDOWS: Final = {
    "platform": (r"-m vocalized up\b", "Ctrl-C stops everything"),
    "media": (r"-m media\b", ""),
    "model": (r"model_server\.py", "http"),
}
_BLOCK: Final = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# window NAME TEXT COMMAND…: stops what ran in the window, starts the command there, and waits for the text.
_PROLOGUE: Final = """\
set -euo pipefail
declare -A pids
stop() { if [ -n "${pids[$1]:-}" ]; then kill -TERM "${pids[$1]}"; wait "${pids[$1]}" || true; unset "pids[$1]"; fi; }
stop_all() { for name in "${!pids[@]}"; do stop "$name"; done; }
trap stop_all EXIT
window() {
  stop "$1"
  : > "$1.window"  # else the text of the last command is found
  setsid "${@:3}" > "$1.window" 2>&1 < <(tail -f /dev/null --pid=$$) & pids[$1]=$!
  until grep -q "$2" "$1.window"; do
    kill -0 "${pids[$1]}" || { cat "$1.window"; return 1; }
    sleep 0.2
  done
}
curl() { command curl --fail-with-body "$@"; }
# The number that `agent` printed.
vocalized_agent() {
  .venv/bin/python -m vocalized agent "$@" | tee agent.out
  AGENT_NUMBER=$(grep -o '+[0-9]*' agent.out)
}
# Claude Code is not installed. This asks the server for its tools with the same options.
claude() {
  [ "$*" = "mcp add --transport http vocalized $6 --header $8" ] || return 1
  curl -s "$6" -H "$8" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
    -d '{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}'
}
# The packages are installed, and these tests are not run within themselves.
make() { if [ "$1" != test ]; then command make -o .venv/.set-up "$@"; fi; }
"""


def make_script(document: str, replacements: Mapping[str, str]) -> str:
    """Return bash that runs the document's blocks in order. replacements: values for the placeholders of the text."""
    blocks = [dedent(match[2]) for match in _BLOCK.finditer(document)]
    assert blocks, "the document has no command block"
    lines = [line for block in blocks for line in _commands(block)]
    script = "\n".join([*lines, ""])
    for placeholder, value in replacements.items():
        assert placeholder in script, f"the document has no {placeholder}"
        script = script.replace(placeholder, value)
    return f"{_PROLOGUE}\n{script}"


def _commands(block: str) -> Iterator[str]:
    for line in block.splitlines():
        name = next((name for name, (pattern, _) in _WINDOWS.items() if re.search(pattern, line)), "")
        if name:
            line = f"window {name} '{_WINDOWS[name][1]}' {line}"
        if line.strip() and not line.startswith((" ", "}")):
            yield f"printf '%s\\n' {_quoted(line)}"
        yield line


def _quoted(line: str) -> str:
    """Return the line as one word of bash, for the log."""
    return "'" + ("$ " + line).replace("'", "'\\''") + "'"
