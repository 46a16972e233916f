"""Test calls from a browser (docs/use/browser-socket.md)."""
