"""Rules in a language model's place."""
