"""Equations of the homogenised 1-D cell: a porous cathode block, a separator and Li metal.

x runs from the collector through the cathode block to the Li metal. At every x of the block sits a sphere of
the particles' radius R (Doyle, Fuller and Newman, J. Electrochem. Soc. 140, 1526 (1993)). Particles fill the
share phi of the block and bound it with the area a = 3 phi / R per volume:

    dy/dt = r^-2 d/dr (r^2 D dy/dr),    -D c_max dy/dr = i_n / F at r = R,
    d/dx (sigma dphi_s/dx) = a i_n,     d i_l/dx = a i_n,
    i_l = -kappa(c) [dphi_l/dx - (2RT / F) (1 - t+) d ln c/dx],
    eps dc/dt = d/dx (D_l(c) dc/dx) + (1 - t+) a i_n / F,

with i_n from `latticecell.laws.kinetics`, as in 3-D. The block conducts like a matrix with insulating
spheres, 2 (1 - phi) / (2 + phi) times as well as the ECBD (Maxwell, A Treatise on Electricity and Magnetism,
1873, art. 314), and stores (1 - phi) times as much salt.

Finite volumes in x and in r, whose shells narrow towards the surface. Axes: ``k`` slices of the block, ``j``
slices of block and separator, ``f`` faces between those, ``r`` shells. The differential unknowns ``u`` are
y_kr, c_j / c_0 and the charge passed; the algebraic ones ``z`` are i_k, phi_s_k, phi_l_j, the voltage and
the current density of the cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import scipy.sparse as sp

from latticecell.arrays import Floats
from latticecell.config import Cell1d, Geometry
from latticecell.errors import SolveError
from latticecell.laws.electrolyte import (
    FLOOR,
    LITHIUM_POWER,
    PARTICLE_POWER,
    Liquid,
    PolynomialElectrolyte,
    exchange_scale,
)
from latticecell.laws.kinetics import LithiumKinetics, limit_step
from latticecell.materials import ElectroLaws
from latticecell.units import FARADAY

SINGLE_ION = Liquid(
    PolynomialElectrolyte(((1.0, 0.0),), ((1e-10, 0.0),), transference_number=1.0), 1000.0, (1.0, 1.0), 1.0
)
"""A single-ion conductor, to be scaled by the conductivity of each layer: c stays uniform whatever D_l."""
ITERATIONS = 80
VOLTAGE_TOLERANCE = 1e-11
"""Newton step of the potentials at which the algebraic equations count as solved [V]."""
CURRENT_TOLERANCE = 1e-9
"""The same of the reaction currents, relative to them or to a thousandth of the exchange current."""
LONGEST_STEP = 0.3
"""Largest Newton step of a potential [V]."""
BOUND_SLACK = 1e-4
"""How far a stoichiometry may be outside 0 to 1; the wall of U there stops any reaction but a forced one."""


@dataclass(frozen=True, slots=True)
class Control:
    """What is given: "current" [A/m2] or "power" [W/m2], positive while charging, or "voltage" [V]."""

    kind: Literal["current", "power", "voltage"]
    value: float

    def miss(self, voltage: float, density: float) -> tuple[float, float, float]:
        """Return what is there less what is given, and its derivatives by voltage and current density."""
        if self.kind == "power":
            return voltage * density - self.value, density, voltage
        if self.kind == "current":
            return density - self.value, 0.0, 1.0
        return voltage - self.value, 1.0, 0.0


class Fields(NamedTuple):
    """The algebraic unknowns, apart.

    Attributes
    ----------
    current_k : (n_cathode,) float64
        Reaction current density i_n, positive for delithiation [A/m2].
    phi_s_k, phi_l_j : (n_cathode,), (n_slices,) float64
        Potentials of electrons and ions [V].
    voltage : float
        [V]
    density : float
        Current density of the cell, positive while charging [A/m2].
    """

    current_k: Floats
    phi_s_k: Floats
    phi_l_j: Floats
    voltage: float
    density: float


class _Salt(NamedTuple):
    """What the salt sets at fixed concentrations, and derivatives by them."""

    c_j: Floats
    scale_k: Floats  # of the particle's exchange current
    kappa_j: Floats  # effective conductivity of each slice [S/m]
    kappa_slope_j: Floats
    conductance_f: Floats  # [S/m2]
    driven_f: Floats  # conductance times (2RT / F) (1 - t+) of the difference of ln c [A/m2]


class _Metal(NamedTuple):
    """Plating current density at the Li metal and its derivatives by phi_l, c of the last slice and J."""

    current: float
    by_potential: float
    by_salt: float
    by_density: float


class Cell:
    """The 1-D counterpart of a cell whose particles are all alike.

    Parameters
    ----------
    laws : ElectroLaws
    geometry : Geometry
    options : Cell1d
        Numbers of slices and shells, and what the 3-D cell does not know.

    Attributes
    ----------
    area : float
        Of the cell [m2].
    filled, surface : float
        Share phi of the block that is active material [1]; particle surface a per volume of the block [1/m].
    capacity : float
        Charge that would empty the full particles, F c_max times their volume [C].
    lithium_full, active_mass : float
        Li in the full particles [mol]; mass of the active material [kg].
    one_c : float
        Cell current of 1C [A].
    width_j, storage_j : (n_slices,) float64
        Widths of the slices [m]; electrolyte volume per volume eps [1].
    share_r : (n_radial,) float64
        Shares of the shells in the volume of a particle [1].

    """

    def __init__(self, laws: ElectroLaws, geometry: Geometry, options: Cell1d):
        box = geometry
        radius = box.particles[0].radius
        volume = len(box.particles) * 4 / 3 * np.pi * radius**3
        self.binary = laws.liquid is not None
        self.area = box.width**2
        self.filled = volume / (self.area * box.cathode)
        self.surface = 3 * self.filled / radius
        self.capacity = FARADAY * laws.c_max * volume
        self.active_mass = options.density * volume
        self.lithium_full = laws.c_max * volume
        self.stoich_0, self.tolerance, self.one_c = laws.initial_stoichiometry, options.tolerance, laws.one_c

        self.n_cathode, self.n_radial = options.points_cathode, options.points_radial
        self.n_slices = self.n_cathode + options.points_separator
        self.width_j = self._layered(
            box.cathode / options.points_cathode, box.separator / options.points_separator
        )
        diffusivity = options.diffusivity
        if diffusivity is None:
            diffusivity = float(np.mean(laws.diffusivity))
        self._factor = laws.diffusivity_factor
        self._build_sphere(radius, diffusivity, laws.c_max)
        self._build_layers(laws)

        self.particle, self._lithium = laws.particle, laws.lithium
        self._beta = 2 * self.particle.thermal_voltage * (1 - self._law.transference_number)
        self._moved = (1 - self._law.transference_number) / FARADAY
        self._resistance_k = laws.contact.resistance(np.zeros(self.n_cathode))

    def _layered(self, cathode: float, separator: float) -> Floats:
        return np.repeat([cathode, separator], [self.n_cathode, self.n_slices - self.n_cathode])

    def _build_sphere(self, radius: float, diffusivity: float, c_max: float) -> None:
        """Build dy/dt = T y - drain i_n in the outermost shell, and y at the surface, y_last - reach i_n.

        A diffusivity f(y) D puts Phi(y), Phi' = f, in the place of y, and reach / f(y_last) in that of reach.
        """
        s = np.linspace(0.0, 1.0, self.n_radial + 1)
        edge = s * (2 - s)  # the outermost shell is 1 / n^2 thick, for steep gradients and a sharp surface
        self.share_r = np.diff(edge**3)
        centre = 0.75 * np.diff(edge**4) / self.share_r
        rate = diffusivity / radius**2
        link = rate * 3 * edge[1:-1] ** 2 / np.diff(centre)
        gradient = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(self.n_radial - 1, self.n_radial))
        self._sphere_rr = (
            sp.diags_array(-1 / self.share_r) @ gradient.T @ sp.diags_array(link) @ gradient
        ).toarray()
        self._drain = 3 / (radius * FARADAY * c_max * self.share_r[-1])
        self._reach = (1 - centre[-1]) * radius / (FARADAY * c_max * diffusivity)

    def _build_layers(self, laws: ElectroLaws) -> None:
        liquid = laws.liquid or SINGLE_ION
        self._liquid, self._law, self.salt_0 = liquid, liquid.law, liquid.concentration
        passage = 2 * (1 - self.filled) / (2 + self.filled)
        ecbd, separator = liquid.share if self.binary else laws.ionic_conductivity
        self._scale_j = self._layered(ecbd * passage, separator)
        self.storage_j = self._layered(liquid.fraction[0] * (1 - self.filled), liquid.fraction[1])
        n = self.n_cathode
        self._electronic = laws.electronic_conductivity * passage / self.width_j[0]  # [S/m2]
        self._gradient_fj = np.eye(self.n_slices - 1, self.n_slices, 1) - np.eye(
            self.n_slices - 1, self.n_slices
        )
        step = self._gradient_fj[: n - 1, :n]
        self._electron_kk = self._electronic * (step.T @ step)
        self._electron_kk[0, 0] += 2 * self._electronic  # half a slice to the collector
        self._load = self.surface * self.width_j[0]  # current of a slice per i_n [1]

    def pack(self, y_kr: Floats, c_j: Floats, charge: float) -> Floats:
        """Return the differential unknowns of stoichiometries, salt [mol/m3] and charge passed [C]."""
        return np.concatenate([y_kr.ravel(), c_j / self.salt_0, [charge / self.capacity]])

    def unpack(self, u: Floats) -> tuple[Floats, Floats, float]:
        """Return stoichiometries y_kr, salt c_j [mol/m3] and charge passed [C]; inverse of `pack`."""
        split = self.n_cathode * self.n_radial
        y_kr = u[:split].reshape(self.n_cathode, self.n_radial)
        return y_kr, u[split:-1] * self.salt_0, float(u[-1]) * self.capacity

    def fields(self, z: Floats) -> Fields:
        """Return the algebraic unknowns by name."""
        n = self.n_cathode
        return Fields(z[:n], z[n : 2 * n], z[2 * n : -2], float(z[-2]), float(z[-1]))

    def rest(self) -> tuple[Floats, Floats]:
        """Return ``u`` and ``z`` of the cell before the protocol begins."""
        y_kr = np.full((self.n_cathode, self.n_radial), self.stoich_0)
        u = self.pack(y_kr, np.full(self.n_slices, self.salt_0), 0.0)
        return u, self._at_rest(u)

    def _at_rest(self, u: Floats) -> Floats:
        y_kr, _, _ = self.unpack(u)
        rest = self.particle.surface(y_kr[:, -1], np.zeros(self.n_cathode)).open_circuit_b
        z = np.zeros(2 * self.n_cathode + self.n_slices + 2)
        z[self.n_cathode : 2 * self.n_cathode] = z[-2] = rest.mean()
        return z

    def surface_stoich(self, u: Floats, z: Floats) -> Floats:
        """Return the stoichiometry at the particle surfaces, (n_cathode,) [1]."""
        y_k = self.unpack(u)[0][:, -1]
        return y_k - self._reach_of(y_k)[0] * z[: self.n_cathode]

    def _reach_of(self, y_k: Floats) -> tuple[Floats, Floats]:
        """Return by how much a unit of current lowers y from outermost shell to surface, and its slope."""
        if self._factor is None:
            return np.full(len(y_k), self._reach), np.zeros(len(y_k))
        f = self._factor.value(y_k)
        return self._reach / f, -self._reach * self._factor.slope(y_k) / f**2

    def contact_drop(self, z: Floats) -> Floats:
        """Return i_n R_int, (n_cathode,) [V]."""
        return z[: self.n_cathode] * self._resistance_k

    def plating(self, u: Floats, z: Floats) -> float:
        """Return the current density into the Li metal, positive while charging [A/m2]."""
        return self._metal(z, self._salt(self.unpack(u)[1])).current

    def solve(self, u: Floats, control: Control, guess: Floats) -> Floats:
        """Solve the algebraic equations at given ``u``, by Newton from ``guess``.

        Raises
        ------
        SolveError
            If there is no solution nearby, or none at all: the surfaces are exhausted.
        """
        if not np.isfinite(u).all():
            raise SolveError("the state is not finite", field="electrochemistry", residual=np.inf)
        y_kr, c_j, _ = self.unpack(u)
        salt, y_k = self._salt(c_j), y_kr[:, -1]
        step = np.inf
        for start in (guess, self._at_rest(u)):
            z = start.copy()
            for _ in range(ITERATIONS):
                residual, by_z, _ = self._equations(z, y_k, salt, control)
                if not (np.isfinite(residual).all() and np.isfinite(by_z).all()):
                    break
                step, change = self._newton(z, y_k, residual, by_z)
                z += change
                if step <= 1.0:
                    return self._within(u, z)
        raise SolveError("the potentials were not found", field="electrochemistry", residual=step)

    def _within(self, u: Floats, z: Floats) -> Floats:
        """Return ``z`` unless a surface is emptied or overfilled."""
        y_k = self.surface_stoich(u, z)
        excess = float(np.maximum(-y_k, y_k - 1).max())
        if excess > BOUND_SLACK:
            word = "full" if float(y_k.max() - 1) == excess else "empty"
            reason = f"the surface of the particle is {word}"
            raise SolveError(reason, field="electrochemistry", residual=excess)
        return z

    def _newton(self, z: Floats, y_k: Floats, residual: Floats, by_z: Floats) -> tuple[float, Floats]:
        """Return the Newton step, damped, and its size over the tolerances."""
        n = self.n_cathode
        change = -np.linalg.solve(by_z, residual)
        steepest = float(np.abs(change[n:-1]).max())
        scale = max(float(np.abs(z[:n]).max()), 1e-3 * self.particle.exchange_current)  # or round-off
        size = max(
            steepest / VOLTAGE_TOLERANCE, float(np.abs(change[:n]).max()) / (CURRENT_TOLERANCE * scale)
        )
        change *= min(1.0, LONGEST_STEP / max(steepest, 1e-300))
        reach_k = self._reach_of(y_k)[0]
        old = y_k - reach_k * z[:n]
        new = old - reach_k * change[:n]
        allowed = limit_step(old, new)
        return size, np.append(np.where(allowed != new, (old - allowed) / reach_k, change[:n]), change[n:])

    def rates(self, u: Floats, z: Floats) -> Floats:
        """Return du/dt [1/s]."""
        y_kr, c_j, _ = self.unpack(u)
        current, density = z[: self.n_cathode], z[-1]
        rate_kr = (y_kr if self._factor is None else self._factor.integral(y_kr)) @ self._sphere_rr.T
        rate_kr[:, -1] -= self._drain * current
        flow_f = self._salt_conductance(c_j)[0] * (self._gradient_fj @ c_j)
        gain_j = -self._gradient_fj.T @ flow_f
        gain_j[: self.n_cathode] += self._moved * self._load * current
        gain_j[-1] -= self._moved * density
        passed = density * self.area / self.capacity
        return np.concatenate(
            [rate_kr.ravel(), gain_j / (self.width_j * self.storage_j * self.salt_0), [passed]]
        )

    def jacobian(self, u: Floats, z: Floats, control: Control) -> sp.csc_array:
        """Return the derivative of `rates` by ``u``, the algebraic unknowns following, (n_u, n_u) [1/s].

        Derivatives of the laws of the electrolyte are finite differences.
        """
        y_kr, c_j, _ = self.unpack(u)
        n, m, split = self.n_cathode, self.n_slices, self.n_cathode * self.n_radial
        salt = self._salt(c_j)
        _, by_z, by_u = self._equations(z, y_kr[:, -1], salt, control)
        z_by_u = -np.linalg.solve(by_z, by_u)  # columns: y_last of each slice, c of each slice
        conductance_f, slope_fj = self._salt_conductance(c_j)
        gradient = self._gradient_fj
        flow_fj = conductance_f[:, None] * gradient + slope_fj * (gradient @ c_j)[:, None]
        gain = self._moved * self._load * np.eye(m, n) @ z_by_u[:n]
        gain[-1] -= self._moved * z_by_u[-1]
        gain[:, n:] -= gradient.T @ flow_fj
        local = np.vstack([
            -self._drain * z_by_u[:n],
            gain / (self.width_j * self.storage_j * self.salt_0)[:, None],
            z_by_u[-1:] * (self.area / self.capacity),
        ])  # fmt: skip
        local[:, n:] *= self.salt_0
        last = np.arange(n) * self.n_radial + self.n_radial - 1
        row = np.concatenate([last, np.arange(split, len(u))])
        column = row[:-1]
        sphere = sp.kron(sp.eye_array(n), self._sphere_rr)
        if self._factor is not None:
            sphere = sphere @ sp.diags_array(self._factor.value(y_kr).ravel())
        spheres = sp.block_diag([sphere, sp.coo_array((m + 1, m + 1))])
        place = (np.repeat(row, len(column)), np.tile(column, len(row)))
        return (spheres + sp.coo_array((local.ravel(), place), shape=spheres.shape)).tocsc()

    def _salt(self, c_j: Floats) -> _Salt:
        scale_k = (
            exchange_scale(c_j[: self.n_cathode], self.salt_0) if self.binary else np.ones(self.n_cathode)
        )
        kappa_j = self._scale_j * self._law.conductivity(c_j)
        slope_j = self._scale_j * _slope(self._law.conductivity, c_j)
        conductance_f = _in_series(kappa_j, self.width_j)
        driven_f = self._beta * conductance_f * np.diff(np.log(np.maximum(c_j, FLOOR)))
        return _Salt(c_j, scale_k, kappa_j, slope_j, conductance_f, driven_f)

    def _salt_conductance(self, c_j: Floats) -> tuple[Floats, Floats]:
        """Return D_l / dx of the faces [m/s], and its derivative by the salt of each slice, (n_f, n_j)."""
        scale_j = self._scale_j if self.binary else np.ones(self.n_slices)
        d_j = scale_j * self._law.diffusivity(c_j)
        conductance_f = _in_series(d_j, self.width_j)
        slope_j = scale_j * _slope(self._law.diffusivity, c_j)
        return conductance_f, self._face_slope(conductance_f, d_j, slope_j)

    def _face_slope(self, conductance_f: Floats, value_j: Floats, slope_j: Floats) -> Floats:
        """Derivative of two half slices in series by the variable of each slice, (n_f, n_j)."""
        part_j = self.width_j / (2 * value_j**2) * slope_j
        return conductance_f[:, None] ** 2 * np.abs(self._gradient_fj) * part_j

    def _metal(self, z: Floats, salt: _Salt) -> _Metal:
        """Carry potential and salt from the last slice to the Li metal, and plate."""
        phi, density, c = z[-3], z[-1], max(float(salt.c_j[-1]), FLOOR)
        half, kappa = 0.5 * self.width_j[-1], salt.kappa_j[-1]
        c_surface, c_by_c, c_by_density = c, 1.0, 0.0
        lithium = self._lithium
        if self.binary:
            spread = float(self._law.diffusivity(c))
            c_by_density = -self._moved * half / (self._scale_j[-1] * spread)
            c_surface = c + c_by_density * density
            c_by_c = 1 - c_by_density * density * float(_slope(self._law.diffusivity, np.asarray(c))) / spread
            if c_surface < FLOOR:
                c_surface, c_by_c, c_by_density = FLOOR, 0.0, 0.0
            lithium = LithiumKinetics(float(self._liquid.lithium_exchange(c_surface)), lithium.temperature)
        phi_surface = phi - density * half / kappa + self._beta * np.log(c_surface / c)
        plated, slope = (float(value) for value in lithium.plate(np.asarray(phi_surface)))
        through_exchange = plated * LITHIUM_POWER / c_surface if self.binary else 0.0
        phi_by_salt = density * half / kappa**2 * salt.kappa_slope_j[-1]
        phi_by_salt += self._beta * (c_by_c / c_surface - 1 / c)
        phi_by_density = -half / kappa + self._beta * c_by_density / c_surface
        return _Metal(
            plated,
            slope,
            slope * phi_by_salt + through_exchange * c_by_c,
            slope * phi_by_density + through_exchange * c_by_density,
        )

    def _equations(
        self, z: Floats, y_k: Floats, salt: _Salt, control: Control
    ) -> tuple[Floats, Floats, Floats]:
        """Residuals of the algebraic equations, and their derivatives by ``z`` and by (y_k, c_j).

        Rows: reaction and electrons of the slices of the block, ions of all slices, Li metal, control.
        """
        n, m = self.n_cathode, self.n_slices
        current, phi_s, phi_l, voltage, density = self.fields(z)
        reach_k, reach_slope_k = self._reach_of(y_k)
        surface = self.particle.surface(y_k - reach_k * current, np.zeros(n), salt.scale_k)
        reaction = self.particle.react(surface, phi_s - phi_l[:n], self._resistance_k)
        metal = self._metal(z, salt)
        gradient = self._gradient_fj
        ions_f = -salt.conductance_f * (gradient @ phi_l) + salt.driven_f

        electrons = self._electron_kk @ phi_s + self._load * current
        electrons[0] -= 2 * self._electronic * voltage
        ions = -gradient.T @ ions_f
        ions[:n] -= self._load * current
        ions[-1] += density
        miss, by_voltage, by_density = control.miss(voltage, density)
        residual = np.concatenate(
            [current - reaction.current_b, electrons, ions, [metal.current - density, miss]]
        )

        k, j = np.arange(n), np.arange(2 * n, 2 * n + m)
        by_z = np.zeros((2 * n + m + 2, 2 * n + m + 2))
        by_z[k, k] = 1 + reach_k * reaction.slope_b
        by_z[k, n + k] = -reaction.conductance_b
        by_z[k, 2 * n + k] = reaction.conductance_b
        by_z[n : 2 * n, n : 2 * n] = self._electron_kk
        by_z[n + k, k] = self._load
        by_z[n, -2] = -2 * self._electronic
        by_z[j[0] : j[-1] + 1, j[0] : j[-1] + 1] = gradient.T @ (salt.conductance_f[:, None] * gradient)
        by_z[2 * n + k, k] = -self._load
        by_z[j[-1], -1] = 1.0
        by_z[-2, j[-1]] = metal.by_potential
        by_z[-2, -1] = metal.by_density - 1
        by_z[-1, -2:] = by_voltage, by_density

        by_u = np.zeros((len(residual), n + m))
        by_u[k, k] = -reaction.slope_b * (1 - reach_slope_k * current)
        if self.binary:  # di / d ln i0 = i / (1 + R k) where i_n R_int is part of the overpotential
            eased = 1 - self._resistance_k * reaction.conductance_b
            by_u[k, n + k] = -PARTICLE_POWER * eased * reaction.current_b / np.maximum(salt.c_j[:n], FLOOR)
            drive_f = self._beta * np.diff(np.log(np.maximum(salt.c_j, FLOOR))) - gradient @ phi_l
            slope_fj = (
                self._face_slope(salt.conductance_f, salt.kappa_j, salt.kappa_slope_j) * drive_f[:, None]
            )
            slope_fj += self._beta * salt.conductance_f[:, None] * gradient / np.maximum(salt.c_j, FLOOR)
            by_u[j[0] : j[-1] + 1, n:] = -gradient.T @ slope_fj
            by_u[-2, -1] = metal.by_salt
        return residual, by_z, by_u


def _in_series(value_j: Floats, width_j: Floats) -> Floats:
    """Conductance between the middles of neighbouring slices."""
    half = width_j / (2 * value_j)
    return 1 / (half[:-1] + half[1:])


def _slope(law: Callable[[Floats], Floats], c_j: Floats) -> Floats:
    """Central difference of a law of the electrolyte."""
    step = 1e-4 * np.maximum(c_j, 1.0)
    return (law(c_j + step) - law(c_j - step)) / (2 * step)
