"""Commands that documents tell readers to run."""
