"""How written expressions are said: one module for each kind."""
