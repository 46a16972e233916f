"""Changes of calls and their consequences in other nouns."""
