"""The version of the results: what a study trusts when it finds a finished run."""

from __future__ import annotations

from typing import Final

RESULTS_VERSION: Final = 1
"""Raised by whoever changes the numbers of a run at equal input, so that studies run their cases anew."""
