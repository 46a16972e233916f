#!/bin/sh
# Makes a virtual environment and installs a locked set of packages: `setup.sh [SET]`, SET being a file of requirements/
# (default: dev). VENV is its folder (default: .venv), PYTHON the interpreter to make it with.
set -eu
cd "$(dirname "$0")/.."
set_name=${1:-dev}
venv=${VENV:-.venv}

find_python() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "setup: needs Python 3.11, 3.12 or 3.13 (set PYTHON=/path/to/python3)" >&2
    exit 1
}

if [ ! -x "$venv/bin/python" ]; then
    # Below, what is in the folder may be removed.
    if [ ! -e "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv" 2>/dev/null)" ]; then
        echo "setup: VENV: $venv is not empty, and no virtual environment" >&2
        exit 1
    fi
    python=$(find_python)
    echo "setup: making $venv with $("$python" --version)"
    if ! "$python" -m venv "$venv" 2>/dev/null; then
        # Debian's python3 has no ensurepip: create the environment without pip and use the pip outside it.
        rm -rf "$venv"
        "$python" -m venv --without-pip "$venv"
        "$python" -m pip --python "$venv/bin/python" install -q pip || {
            rm -rf "$venv"
            echo "setup: install pip first (Debian: apt-get install python3-venv python3-pip)" >&2
            exit 1
        }
    fi
fi

# Without a folder for its cache (a home that is read-only, or none) uv does not start.
cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}}
if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
    export UV_NO_CACHE=1
fi

echo "setup: installing requirements/$set_name.txt"
# uv is several times faster; if it is missing or fails, pip installs from the same hashes.
if "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/installer.txt &&
    "$venv/bin/python" -m uv pip install -q --compile-bytecode --python "$venv/bin/python" --no-deps --require-hashes -r "requirements/$set_name.txt"; then
    exit 0
fi
echo "setup: uv did not do it, trying pip"
exec "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r "requirements/$set_name.txt"
