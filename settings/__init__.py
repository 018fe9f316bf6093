"""How settings are taken out of an environment; what the settings are, each package says for itself."""
