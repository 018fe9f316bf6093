"""The whole of Wattfall on one machine, with real and invented households: `python -m demo`, or `make demo`."""
