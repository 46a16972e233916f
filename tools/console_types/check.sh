#!/bin/sh
# Checks the types of the console. Without Node it only says so: users need none.
set -eu
cd "$(dirname "$0")"
if ! command -v npm > /dev/null; then
    echo "console types: not checked, because there is no Node"
    exit 0
fi
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --silent --no-audit --no-fund --ignore-scripts || {
        echo "console types: not checked, because the packages cannot be installed"
        exit 0
    }
    touch node_modules/.package-lock.json
fi
node_modules/.bin/tsc -p tsconfig.json
echo "console types: no issues"
