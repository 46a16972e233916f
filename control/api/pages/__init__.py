"""Pages for people, served where no portal is configured."""
