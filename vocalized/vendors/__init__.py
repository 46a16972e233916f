"""The simulated vendors of a platform that `up --simulated-vendors` runs, which hear and speak by the local engines."""
