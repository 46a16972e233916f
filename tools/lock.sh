#!/bin/sh
# Resolves pyproject.toml once for all supported Pythons and writes one hashed requirement file per group.
# uv.lock is deleted, because it records download hosts; the requirement files hold only versions and hashes.
set -eu
cd "$(dirname "$0")/.."
trap 'rm -f uv.lock' EXIT
.venv/bin/python -m uv lock -q
for group in media control local guide dev; do
    {
        echo "# Written by \`make lock\` from pyproject.toml; don't edit. Install with --no-deps --require-hashes."
        .venv/bin/python -m uv export -q --frozen --no-header --no-annotate --no-default-groups --only-group "$group"
    } > "requirements/$group.txt"
done
{
    echo "# Written by \`make lock\`; don't edit."
    echo "uv>=0.9" | .venv/bin/python -m uv pip compile -q --universal --no-header --no-annotate --generate-hashes -
} > requirements/installer.txt
# Not of the images: what `make audit` and `make sbom` run, in an environment of its own.
printf 'pip-audit>=2.10\ncyclonedx-bom>=7.5\n' | .venv/bin/python -m uv pip compile --universal --python-version 3.11 \
    --no-header --no-annotate --generate-hashes --output-file requirements/audit.txt - > /dev/null
