"""Which calls an agent answers: admission, plans, refusals, and calls that continue in another media stream."""
