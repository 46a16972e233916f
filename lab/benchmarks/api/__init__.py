"""Compares the API with the same endpoints in FastAPI and SQLAlchemy."""
