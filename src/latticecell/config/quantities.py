"""Kinds of values that keys of several tables take: unit and range."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from latticecell.schema import Quantity

# Ranges are those for which laws and networks are sound at both ends (tests/unit/test_input_fuzz.py): wide
# enough for any material, and narrow enough that no product, ratio or exponential of keys overflows.
Fraction = Annotated[float, Quantity(ge=0.001, le=0.999)]
Filling = Annotated[float, Quantity(ge=0, le=1)]
ActivationEnergy = Annotated[float, Quantity("kJ_per_mol", ge=0, le=100)]
Length = Annotated[float, Quantity("um", ge=1e-3, le=1000)]
Seconds = Annotated[float, Quantity("s", ge=1e-6, le=1e9)]
FileName = Annotated[str, Field(min_length=1, max_length=1000)]
Volt = Annotated[float, Quantity("V", ge=-10, le=10)]
