"""Property tests have no deadline of their own: how fast a shared machine is today proves nothing. pytest's time limits remain."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unit", deadline=None, print_blob=True)
settings.load_profile("unit")
