"""The commands of the control program, with their options and settings. Only the chosen command is loaded."""
