"""What flows: settings, topics, record batches, and the hop that moves them exactly once."""
