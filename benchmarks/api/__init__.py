"""The control API beside the same endpoints in the usual FastAPI and SQLAlchemy stack."""
