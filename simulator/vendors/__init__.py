"""Simulated vendors of speech and language, over real sockets and TLS, written from the vendors' documents."""
