"""All mutants, in the order in which they are tried and told."""

from __future__ import annotations

from typing import Final

from tests.mutants.dashboard import DASHBOARD
from tests.mutants.erases import ERASES
from tests.mutants.hops import HOPS
from tests.mutants.mutant import Mutant
from tests.mutants.rules import RULES
from tests.mutants.sinks import SINKS
from tests.mutants.starts import STARTS

MUTANTS: Final[tuple[Mutant, ...]] = (*HOPS, *STARTS, *SINKS, *RULES, *ERASES, *DASHBOARD)
