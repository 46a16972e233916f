"""Google Cloud's speech services: recognizers and voices."""
