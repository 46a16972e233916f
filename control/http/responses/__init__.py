"""What handlers return beside plain values, and the errors that requests get."""
