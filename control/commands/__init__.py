"""The commands of the control program: options, settings and work of each. Only the chosen one is loaded."""
