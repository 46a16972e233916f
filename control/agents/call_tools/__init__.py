"""The tools that control runs for agents during calls."""
