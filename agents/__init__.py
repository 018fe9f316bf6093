"""What happens: one file an agent, named after both its ends; `python -m agents` puts the parts together."""
