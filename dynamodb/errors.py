"""What can go wrong with DynamoDB, by what the caller must do about it.

Exception
└── StoreError
    ├── StoreBusy        wait and try again, for ever: nothing is wrong with the item
    ├── ItemRejected     put this one item aside, go on with the others
    ├── Retired          stop: a newer epoch writes to these tables
    ├── LogsMixed        stop: what is stored came from another log
    └── TableUnfit       stop: a table is missing or has other keys; `python -m dynamodb create` or another name would do
"""

from __future__ import annotations


class StoreError(Exception):
    """Something that DynamoDB said, or did not say; its text is one line for a person."""


class StoreBusy(StoreError):
    """It cannot take or give anything now. `retry_after` is the shortest wait in seconds that makes sense, None if nothing is known."""

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class ItemRejected(StoreError):
    """This item can never be stored. `detail` has at most 256 characters."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail[:256])
        self.detail = detail[:256]


class Retired(StoreError):
    """The stored total is of a larger epoch than the one to be written: this generation of workers is over."""


class LogsMixed(StoreError):
    """The stored total is of the same epoch but of another source partition: two logs write under one epoch."""


class TableUnfit(StoreError):
    """A table that is needed does not exist, or has another key schema."""
