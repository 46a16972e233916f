#!/bin/sh
# Runs `make check` and `make test` on every Python that pyproject.toml names, as far as it is on this machine:
# `pythons.sh [VERSION…]`, for example `pythons.sh 3.13`. Prints one line each; the output of both is in .venvs/.
# Exits with 1 if one failed or none was there. Each Python takes 1.6 GB and about 10 minutes on two cores.
set -eu
cd "$(dirname "$0")/.."

# Prints the path of the interpreter of a version, which is on the PATH, one of pyenv's, or Debian's.
find_python() {
    for candidate in "python$1" python3 "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1."*/bin/python3 "/usr/bin/python$1"; do
        # pyenv has a `python3.13` on the PATH that fails while 3.13 is not active, so each candidate is run.
        "$candidate" -c "import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null || continue
        "$candidate" -c 'import sys; print(sys.executable)'
        return
    done
    return 1
}

# Runs a make target in the environment of $version; prints and returns whether it passed.
run() {
    output=".venvs/$version-$1.txt"
    started=$(date +%s)
    if PYTHON="$python" make VENV=".venvs/$version" "$1" >"$output" 2>&1; then
        printf ', %s passed (%d s)' "$1" $(($(date +%s) - started))
        return
    fi
    printf ', %s FAILED (%d s, see %s)' "$1" $(($(date +%s) - started)) "$output"
    return 1
}

versions=${*:-$(sed -n 's/.*"Programming Language :: Python :: \(3\.[0-9]*\)".*/\1/p' pyproject.toml)}
mkdir -p .venvs
tried=0 failed=0
for version in $versions; do
    if ! python=$(find_python "$version"); then
        echo "Python $version: not on this machine"
        continue
    fi
    tried=$((tried + 1))
    printf 'Python %s' "$version"
    if run setup; then
        printf ', %s' "$(".venvs/$version/bin/python" --version)"  # of the environment, which may be older than $python
        # The tests run after a failed check, too: together they tell more about the version.
        run check || failed=1
        run test || failed=1
    else
        failed=1
    fi
    echo
done
if [ "$tried" = 0 ]; then
    echo "pythons: none of these is on this machine: $(echo $versions)" >&2
    exit 1
fi
exit "$failed"
