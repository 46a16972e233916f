"""Personal data: how long it is kept, its deletion for one caller, and its export for a workspace."""
