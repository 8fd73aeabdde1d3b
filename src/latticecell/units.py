"""Physical constants and the unit suffixes that TOML keys may carry."""

from __future__ import annotations

import math
from typing import Final

FARADAY: Final = 96485.33212
"""Faraday constant [C/mol]."""
GAS_CONSTANT: Final = 8.31446261815324
"""Molar gas constant [J/(mol K)]."""

SI_PER_UNIT: Final[dict[str, float]] = {
    "": 1.0,
    "m": 1.0,
    "um": 1e-6,
    "nm": 1e-9,
    "angstrom": 1e-10,
    "pm": 1e-12,
    "s": 1.0,
    "K": 1.0,
    "V": 1.0,
    "mV": 1e-3,
    "A": 1.0,
    "nA": 1e-9,
    "nW": 1e-9,
    "nAh": 3.6e-6,
    "A_per_m2": 1.0,
    "mA_per_cm2": 10.0,
    "mW_per_cm2": 10.0,
    "mAh_per_cm2": 36000.0,
    "Pa_per_m": 1.0,
    "GPa": 1e9,
    "MPa": 1e6,
    "J_per_m2": 1.0,
    "kJ_per_mol": 1e3,
    "S_per_m": 1.0,
    "ohm_m2": 1.0,
    "m_per_s": 1.0,
    "m2_per_s": 1.0,
    "m3_per_mol": 1.0,
    "mol_per_m3": 1.0,
    "kg_per_m3": 1.0,
    "percent": 1e-2,
    "um2": 1e-12,
    "um3": 1e-18,
    "deg": math.pi / 180,
}
"""SI value of one unit, by the suffix used in TOML keys."""
