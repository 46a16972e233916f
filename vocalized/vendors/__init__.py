"""The simulated vendors of `up --simulated-vendors`, which use the local engines."""
