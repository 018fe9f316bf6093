"""Why a worker ends: every named cause has its own exit code, and there is one way out.

A worker that meets any of these leaves at once, from inside, without tidying up: only the next fence decides what had happened.
Code 2 is a user's mistake (a setting, a missing topic or table); 0 is an ordinary stop.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import NoReturn


class Exit(IntEnum):
    """The exit codes of `python -m agents …`; the comment says what to do."""

    STOPPED = 0  # asked to
    FAILED = 1  # a check that found something wrong (topics check, lag --wait, reconcile)
    CONFIGURATION = 2  # mend the setting, topic or table that the message names
    FENCED = 71  # a newer worker owns the partition: restart
    CHECKPOINT_FAILED = 72  # restart; look at the broker if it goes on
    FENCE_FAILED = 73  # restart; look at the broker if it goes on
    NOT_STARTED = 74  # assigned, but not working after WATTFALL_START_LIMIT_S: restart
    RULES_CHANGED = 75  # other rules than this epoch began with: put them back, or use a new epoch
    LOST_RANGE = 76  # retention removed what was not counted yet: WATTFALL_LOST_RANGE=continue to go on without it
    AGENT_FAILED = 77  # a bug: restart; report the message
    RETIRED = 78  # a newer epoch is live: this generation is over
    LOGS_MIXED = 79  # state and topic are of two different logs: use a new epoch
    FETCH_FAILED = 80  # restart
    RECOVERY_FAILED = 81  # restart; delete the local state folder if it goes on
    OUT_OF_STEP = 82  # records came from another position than was asked for, twice: restart; report the message


log = logging.getLogger("wattfall.exits")
Leave = Callable[[Exit, str], NoReturn]
"""Ends the process with a cause. Never returns."""


def leave(code: Exit, cause: str) -> NoReturn:
    """Says why and ends the process on the spot, in whatever thread or task it is called."""
    last_words(code, cause)
    end(code)


def last_words(code: int, cause: str) -> None:
    """The line by which a process tells why it ends (streams/logs.py)."""
    log.log(logging.CRITICAL if code else logging.INFO, "%s", cause, extra={"exit": code})


def end(code: Exit) -> NoReturn:
    """Ends the process on the spot, in whatever thread or task it is called: no exception could get lost on its way out."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
