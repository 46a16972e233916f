"""Sessions in which a person listens to a running call, whispers to its agent, or speaks in its place."""
