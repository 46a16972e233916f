#!/bin/sh
# `supply.sh audit`: known faults (PyPI's and OSV's advisories) in the packages of our images, then their licences.
# `supply.sh sbom`: a CycloneDX file for each image in var/sbom, and the list of licences.
# Fails where a package could not be looked up, too: an audit that skipped one is none.
set -eu
cd "$(dirname "$0")/.."
VENV=${VENV:-.venv}
AUDIT=${AUDIT:-.venvs/audit}

if [ ! -e "$AUDIT/.set-up" ] || [ requirements/audit.txt -nt "$AUDIT/.set-up" ]; then
    "$VENV/bin/python" -m venv --clear "$AUDIT"
    "$AUDIT/bin/python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/audit.txt
    touch "$AUDIT/.set-up"
fi

case "${1:-}" in
audit)
    failed=0
    for image in media control local; do
        echo "== requirements/$image.txt"
        "$AUDIT/bin/pip-audit" --strict --disable-pip --require-hashes --progress-spinner off -r "requirements/$image.txt" || failed=1
    done
    "$VENV/bin/python" -m tools.licenses || failed=1
    exit $failed
    ;;
sbom)
    mkdir -p var/sbom
    for image in media control local; do
        "$AUDIT/bin/cyclonedx-py" requirements "requirements/$image.txt" --pyproject pyproject.toml --output-reproducible \
            --of JSON -o "var/sbom/$image.cdx.json"
    done
    "$VENV/bin/python" -m tools.licenses --write var/sbom/licences.md
    ;;
*)
    echo "usage: tools/supply.sh audit | sbom" >&2
    exit 2
    ;;
esac
