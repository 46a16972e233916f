"""The receptionist, which answers by rules in a language model's place."""
