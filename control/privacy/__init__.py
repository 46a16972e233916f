"""Personal data: retention, deletion for one caller, export for a workspace."""
