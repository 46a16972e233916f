"""What an agent can do in a call besides talking: tools, their runs, and the ones that control runs for it."""
