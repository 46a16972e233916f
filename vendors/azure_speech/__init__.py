"""Azure's speech service: recognizers and voices."""
