"""Tools that control runs for agents during calls."""
