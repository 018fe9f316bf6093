"""The whole of Wattfall on one machine, with real and invented readings: `python -m demo`, or `make demo`."""
