"""The version of the results, and the balances that every run keeps."""

from __future__ import annotations

from typing import Final

RESULTS_VERSION: Final = 7
"""Raised by whoever changes the numbers of a run at equal input, so that studies run their cases anew."""

LITHIUM_LIMIT: Final = 1e-10
"""Largest imbalance of Li, relative to the Li at the start, with which a run goes on."""
SALT_LIMIT: Final = 1e-10
"""Largest imbalance of the salt of a binary electrolyte, relative to the salt, with which a run goes on."""
ENERGY_LIMIT: Final = 1e-2
"""Largest imbalance of energy, relative to the energy, with which a run goes on."""
