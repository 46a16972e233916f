"""Changes of calls, and what follows from them in other nouns."""
