"""How media nodes are chosen for calls, and what the choice costs Redis, for docs/run/scale.md."""
