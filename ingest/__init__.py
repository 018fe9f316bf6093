"""Files of readings into the readings topic: `python -m ingest FILE…`. A new format is one small file in `ingest/formats`."""
