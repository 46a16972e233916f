"""A person's own account: password, sessions and proofs of identity."""
