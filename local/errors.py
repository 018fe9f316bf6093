"""What can go wrong with the local stack, said so that a person can act on it.

Exception
└── LocalError      one line for the user; nothing was started, or all of it is stopped again
    └── Ended       a part of the stack ended by itself; carries the end of its log
"""

from __future__ import annotations


class LocalError(Exception):
    """The stack cannot be started; the text says why and what would help."""


class Ended(LocalError):
    """A part ended, or never answered."""
