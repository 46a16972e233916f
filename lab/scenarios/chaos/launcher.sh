#!/bin/sh
# Starts a program of the platform in surroundings that a rehearsal changes: name servers of its own, a pipe for its
# log, a library that sets its clock and slows its disk. In the interpreter's place; arguments are the interpreter's.
set -eu
log=$(readlink "/proc/$$/fd/1")
pipe="${log%.log}.pipe"
if [ -p "$pipe" ]; then
    exec > "$pipe" 2>&1
fi
if [ -n "${CHAOS_LIBRARY:-}" ]; then
    export LD_PRELOAD="$CHAOS_LIBRARY"
fi
if [ -n "${CHAOS_RESOLVER:-}" ]; then
    exec unshare --mount --propagation private sh -c \
        'mount --bind "$CHAOS_RESOLVER" /etc/resolv.conf && exec "$CHAOS_PYTHON" "$@"' sh "$@"
fi
exec "$CHAOS_PYTHON" "$@"
