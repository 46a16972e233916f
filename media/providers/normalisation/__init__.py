"""The text as a voice is given it: figures and addresses as words, and an agent's pronunciations."""
