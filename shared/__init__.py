"""Code that media and control share: plans, events, errors, secrets, storage, and the bus."""
