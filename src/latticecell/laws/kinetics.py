"""Charge transfer at the particle surface and at the Li metal (PHYSICS 2.2 and 2.3).

Particle surface, i_n > 0 for delithiation, with the contact resistance inside the overpotential:

    i_n = i0 [exp(alpha_a F eta / RT) - exp(-alpha_c F eta / RT)],
    eta = phi_s - phi_l - U_eff(y) - i_n R_int,      i0 = i0_ref 2 sqrt(y (1 - y)).

Stress. The flux law of the lattice gas belongs to the chemical potential mu = mu_0(y) - Omega sigma_h, that
is mu / RT = ln[y / (1 - y)] - psi with psi = Omega sigma_h / RT: tension attracts Li. As U = -mu / F,

    U_eff = U(y) + Omega sigma_h / F = U(y) + (RT / F) psi.

(PHYSICS 2.2 prints the opposite sign, which would let a stressed grain at diffusive equilibrium drive a
current.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from latticecell.arrays import Floats
from latticecell.errors import SolveError
from latticecell.laws.ocv import OpenCircuit
from latticecell.units import FARADAY, GAS_CONSTANT

STOICH_EDGE = 1e-3
"""Distance from 0 and 1 within which U bends over to the logarithm of an ideal lattice gas."""
EXCHANGE_EDGE = 1e-4
"""Distance from 0 and 1 within which i0 levels off, at 0.7 of its value there, instead of vanishing."""
STOICH_FLOOR = 1e-10
"""Distance from 0 within which the logarithm is cut, so that U is defined everywhere."""
VACANCY_FLOOR = 1e-7
"""The same distance from 1, where y has no finer digits to steer a current with."""
EXHAUSTED = 0.5
"""Share of the surface without Li, or without room for it, from which a failure is put down to that."""
_MAX_RISE = 80.0  # what U may gain below the cut [RT / F]: 2 V stop any reaction, more would swamp Newton
_MAX_EXPONENT = 600.0
_MAX_VOLTAGE = 100.0


class Reaction(NamedTuple):
    """Reaction current of each bond and its derivatives.

    Attributes
    ----------
    current_b : (n,) float64
        Current density i_n [A/m2], positive for delithiation.
    conductance_b : (n,) float64
        d i_n / d (phi_s - phi_l) [S/m2], always positive.
    slope_b : (n,) float64
        d i_n / d y at fixed potentials [A/m2].
    """

    current_b: Floats
    conductance_b: Floats
    slope_b: Floats


class Surface(NamedTuple):
    """What the reaction depends on besides the potentials: U_eff and i0 with derivatives by y."""

    open_circuit_b: Floats
    open_circuit_slope_b: Floats
    exchange_b: Floats
    exchange_slope_b: Floats


@dataclass(frozen=True, slots=True)
class ParticleKinetics:
    """Butler-Volmer reaction through a contact resistance.

    Parameters
    ----------
    ocv : OpenCircuit
        U(y) [V].
    exchange_current : float
        i0_ref, the exchange current density at y = 1/2 [A/m2].
    alpha_a, alpha_c : float
        Transfer coefficients of delithiation and lithiation, in (0, 1).
    temperature : float
        [K]
    mechanical_ocv : bool
        Whether stress shifts U by (RT / F) psi.
    """

    ocv: OpenCircuit
    exchange_current: float
    alpha_a: float
    alpha_c: float
    temperature: float
    mechanical_ocv: bool = False

    @property
    def thermal_voltage(self) -> float:
        """RT / F [V]."""
        return GAS_CONSTANT * self.temperature / FARADAY

    def surface(self, stoich_b: Floats, psi_b: Floats, scale_b: float | Floats = 1.0) -> Surface:
        """Return U_eff and i0 at the surface; ``scale_b`` multiplies i0 [1].

        Within `STOICH_EDGE` of 0 or 1, where no data exist, U gains -(RT / F) [ln(y / edge) + 1 - y / edge],
        or the same of 1 - y with the other sign: it diverges like an ideal lattice gas, so that whatever the
        current no bond can empty or overfill its node. Both laws keep continuous derivatives, for Newton.
        """
        low, low_slope = _logarithm(stoich_b, STOICH_FLOOR)
        high, high_slope = _logarithm(1 - stoich_b, VACANCY_FLOOR)
        shift = self.thermal_voltage * psi_b if self.mechanical_ocv else 0.0
        li, li_slope = _levelled(stoich_b)
        vacancy, vacancy_slope = _levelled(1 - stoich_b)
        root = np.sqrt(li * vacancy)
        return Surface(
            self.ocv.voltage(stoich_b) + self.thermal_voltage * (high - low) + shift,
            self.ocv.slope(stoich_b) - self.thermal_voltage * (high_slope + low_slope),
            self.exchange_current * 2 * root * scale_b,
            self.exchange_current * (li_slope * vacancy - li * vacancy_slope) / root * scale_b,
        )

    def potential(self, stoich: Floats) -> tuple[Floats, Floats]:
        """Return -F U / RT of unstressed Li, with the same walls at 0 and 1, and its derivative by y."""
        surface = self.surface(stoich, np.zeros_like(stoich))
        unit = -self.thermal_voltage
        return surface.open_circuit_b / unit, surface.open_circuit_slope_b / unit

    def react(self, surface: Surface, jump_b: Floats, resistance_b: Floats) -> Reaction:
        """Return the reaction current driven by the potential jump phi_s - phi_l.

        Parameters
        ----------
        surface : Surface
        jump_b : (n,) float64
            phi_s - phi_l [V].
        resistance_b : (n,) float64
            Contact resistance [ohm m2].
        """
        unit = self.thermal_voltage
        drive = (jump_b - surface.open_circuit_b) / unit
        load = resistance_b * surface.exchange_b / unit
        eta = overpotential(drive, load, self.alpha_a, self.alpha_c)
        up = np.exp(np.minimum(self.alpha_a * eta, _MAX_EXPONENT))
        down = np.exp(np.minimum(-self.alpha_c * eta, _MAX_EXPONENT))
        shape = np.expm1(np.minimum(self.alpha_a * eta, _MAX_EXPONENT)) - np.expm1(
            np.minimum(-self.alpha_c * eta, _MAX_EXPONENT)
        )
        # di = i0' shape dy + k d(eta), d(eta) = d(jump) - U' dy - R di
        k = surface.exchange_b * (self.alpha_a * up + self.alpha_c * down) / unit
        share = 1 / (1 + resistance_b * k)
        return Reaction(
            surface.exchange_b * shape,
            share * k,
            share * (surface.exchange_slope_b * shape - k * surface.open_circuit_slope_b),
        )

    def carry(
        self,
        amperes: float,
        surface: Surface,
        jump_b: Floats,
        resistance_b: Floats,
        area_b: Floats,
        voltage: float,
    ) -> tuple[float, Reaction]:
        """Find the voltage, added to all jumps, at which the bonds together carry a current.

        Parameters
        ----------
        amperes : float
            [A]
        surface, jump_b, resistance_b
            As in `react`.
        area_b : (n,) float64
            [m2]
        voltage : float
            Where Newton starts [V].

        Raises
        ------
        SolveError
            If no voltage below 100 V does: the surface is exhausted.
        """
        for _ in range(200):
            reaction = self.react(surface, jump_b + voltage, resistance_b)
            miss = amperes - float((area_b * reaction.current_b).sum())
            step = miss / float((area_b * reaction.conductance_b).sum())
            if abs(step) <= 1e-15 * max(1.0, abs(voltage)):
                return voltage, reaction
            voltage += max(-0.5, min(0.5, step))  # the conductance may be exponentially small here
            if abs(voltage) > _MAX_VOLTAGE:
                break
        raise SolveError("the surface cannot carry the current", field="electrochemistry", residual=abs(step))

    def deliver(
        self,
        watts: float,
        surface: Surface,
        jump_b: Floats,
        resistance_b: Floats,
        area_b: Floats,
        voltage: float,
    ) -> tuple[float, Reaction]:
        """Find the voltage at which it, times the current that the bonds carry there, is a power.

        Of two such voltages the higher one. Parameters are those of `carry`, but for the power [W], positive
        while charging, and that ``voltage`` is that of the cell.

        Raises
        ------
        SolveError
            If there is none: the cell cannot give so much power.
        """
        bonds = (surface, jump_b, resistance_b, area_b)
        miss = watts
        if voltage > 0.0:  # the current of that voltage leads to where the power is steep in it
            try:
                voltage, reaction = self.carry(watts / voltage, *bonds, voltage)
            except SolveError:
                voltage = 0.0
        for _ in range(200):
            if not voltage > 0.0:
                break
            current = float((area_b * reaction.current_b).sum())
            steepness = current + voltage * float((area_b * reaction.conductance_b).sum())
            if not steepness > 0.0:
                break
            miss = watts - voltage * current
            step = miss / steepness
            if abs(step) <= 1e-15 * max(1.0, voltage):
                return voltage, reaction
            voltage += max(-0.5, min(0.5, step))
            reaction = self.react(surface, jump_b + voltage, resistance_b)
        raise SolveError("the cell cannot give the power", field="electrochemistry", residual=abs(miss))


@dataclass(frozen=True, slots=True)
class LithiumKinetics:
    """Charge transfer at the Li metal, i = i0 [exp(F eta / 2RT) - exp(-F eta / 2RT)], eta = -phi_l.

    Parameters
    ----------
    exchange_current : float
        i0 [A/m2].
    temperature : float
        [K]
    """

    exchange_current: float
    temperature: float

    def plate(self, phi_l: Floats, exchange: Floats | None = None) -> tuple[Floats, Floats]:
        """Return the current density -i that flows from the electrolyte into the metal, and its slope.

        Parameters
        ----------
        phi_l : (n,) float64
            Ion potential at the metal [V].
        exchange : (n,) float64, optional
            i0 where it differs from place to place [A/m2].

        Returns
        -------
        (n,) float64
            Plating current density [A/m2], positive while the cell charges.
        (n,) float64
            Its derivative by phi_l [S/m2].
        """
        half = FARADAY / (2 * GAS_CONSTANT * self.temperature)
        x = np.clip(half * phi_l, -_MAX_EXPONENT, _MAX_EXPONENT)
        i0 = self.exchange_current if exchange is None else exchange
        return 2 * i0 * np.sinh(x), 2 * i0 * half * np.cosh(x)


def overpotential(drive: Floats, load: Floats, alpha_a: float, alpha_c: float) -> Floats:
    """Solve x + load [exp(alpha_a x) - exp(-alpha_c x)] = drive.

    All in units of RT / F: ``drive`` is phi_s - phi_l - U, ``load`` is R i0. The root has the sign of the
    drive and lies below min(|drive|, ln(1 + |drive| / load) / alpha), a bound that is sharp for large loads
    and for none; Newton from there needs about four iterations anywhere.

    Raises
    ------
    SolveError
        If the input is not finite.
    """
    size = np.abs(drive)
    a = np.where(drive > 0, alpha_a, alpha_c)
    b = np.where(drive > 0, alpha_c, alpha_a)
    floor = np.maximum(load, 1e-300)
    with np.errstate(over="ignore"):  # no resistance, or one too small to count
        bound = np.minimum(size, np.log1p(np.minimum(size / floor, 1e300)) / a)
    x = bound
    for _ in range(100):
        # a bond without resistance has x = drive; there the exponential may overflow any load but none
        up = np.exp(np.minimum(a * x, _MAX_EXPONENT))
        down = np.exp(-b * x)
        value = x + load * (np.expm1(np.minimum(a * x, _MAX_EXPONENT)) - np.expm1(-b * x)) - size
        new = np.clip(x - value / (1 + load * (a * up + b * down)), 0.0, bound)
        # quadratic: the next step would be below round-off, which is absolute where numbers are subnormal
        done = np.abs(new - x) <= np.maximum(1e-9 * new, 1e-290)
        x = new
        if done.all():
            return np.copysign(x, drive)
    raise SolveError("overpotential", field="electrochemistry", residual=float(np.max(np.abs(value))))


def limit_step(old: Floats, new: Floats) -> Floats:
    """Let no stoichiometry go more than 4/5 of its way to 0 or 1, beyond which U rises like a wall.

    Those at the wall are free to cross it: negative transport weights may ask for y < 0, which is for the
    limiter of the transport to see.
    """
    new = np.where(old > STOICH_FLOOR, np.maximum(new, 0.2 * old), new)
    return np.where(1 - old > VACANCY_FLOOR, np.minimum(new, 1 - 0.2 * (1 - old)), new)


def exhaustion(stoich_b: Floats, area_b: Floats) -> str:
    """Say that the surface of the particle is full or empty where most of it is, else return nothing.

    Parameters
    ----------
    stoich_b : (n,) float64
        Stoichiometry at the surface [1].
    area_b : (n,) float64
        Areas that have it, in any unit.
    """
    for word, room_b in (("empty", stoich_b), ("full", 1 - stoich_b)):
        share = float(area_b @ (room_b < STOICH_EDGE)) / float(area_b.sum())
        if share > EXHAUSTED:
            return f"the surface of the particle is {word} ({100 * share:.0f} % of it)"
    return ""


def _logarithm(y: Floats, floor: float) -> tuple[Floats, Floats]:
    """Return ln(y / edge) + 1 - y / edge from ``floor`` to `STOICH_EDGE`, 0 above, and its derivative."""
    inside = np.clip(y, floor, STOICH_EDGE)
    slope = 1 / inside - 1 / STOICH_EDGE
    value = np.log(inside / STOICH_EDGE) + 1 - inside / STOICH_EDGE
    below = slope * np.minimum(y - floor, 0.0)
    bend = 1 / (1 - below / _MAX_RISE)
    return value + below * bend, slope * bend**2


def _levelled(y: Floats) -> tuple[Floats, Floats]:
    """Return y down to `EXCHANGE_EDGE`, below it edge^2 / (2 edge - y), positive; and its derivative."""
    below = EXCHANGE_EDGE / (2 * EXCHANGE_EDGE - np.minimum(y, EXCHANGE_EDGE))
    return np.where(y < EXCHANGE_EDGE, EXCHANGE_EDGE * below, y), below**2
