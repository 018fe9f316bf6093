"""How fast it is, how much it needs, and what it costs."""
