"""AssemblyAI: recognizers."""
