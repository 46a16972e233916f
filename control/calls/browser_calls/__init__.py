"""Test calls from a browser: docs/browser-socket.md."""
