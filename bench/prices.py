"""What DynamoDB costs: the one place for prices. On-demand capacity, standard table class, US East (N. Virginia), in US dollars.

From the public price list of Amazon DynamoDB as it has been since 1 November 2024; other regions cost up to twice as much, taxes and
discounts are not in it. Check before you rely on it, and change it here.
"""

from __future__ import annotations

from typing import Final

AS_OF: Final = "Amazon DynamoDB's public price list, on-demand, US East (N. Virginia), since November 2024"
WRITE: Final = 0.625 / 1_000_000
"""A write of an item of up to 1 KB; a refused conditional write costs the same."""
READ: Final = 0.125 / 1_000_000
"""A read unit: 4 KB consistently, 8 KB eventually consistently."""
STORED_GB_MONTH: Final = 0.25
"""The first 25 GB are free, which is not counted on."""
RESTORABLE_GB_MONTH: Final = 0.20
"""Point-in-time recovery, which `python -m dynamodb create` turns on."""
ITEM_OVERHEAD: Final = 100
"""Bytes that are charged for each stored item beside its own."""
