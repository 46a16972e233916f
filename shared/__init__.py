"""What media and control have in common: plans, events, errors, secrets, storage, and the bus between them."""
