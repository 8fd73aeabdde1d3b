"""Equations of the homogenised 1-D cell: a porous cathode block, a separator and Li metal.

x runs from the collector through the cathode block to the Li metal. At every x of the block sits a sphere of
each radius R of the particles (Doyle, Fuller and Newman, J. Electrochem. Soc. 140, 1526 (1993); several
radii: Kirk, Evans, Please and Chapman, SIAM J. Appl. Math. 82, 625 (2022)). Those of one radius fill the
share phi of the block and bound it with the area a = 3 phi / R per volume; sums are over the radii:

    dy/dt = r^-2 d/dr (r^2 D dy/dr),        -D c_max dy/dr = i_n / F at r = R,
    d/dx (sigma dphi_s/dx) = sum a i_n,     d i_l/dx = sum a i_n,
    i_l = -kappa(c) [dphi_l/dx - (2RT / F) (1 - t+) d ln c/dx],
    eps dc/dt = d/dx (D_l(c) dc/dx) + (1 - t+) sum a i_n / F,

with i_n from `latticecell.laws.kinetics`, as in 3-D. The block conducts like a matrix with insulating
spheres, 2 (1 - phi) / (2 + phi) times as well as the ECBD (Maxwell, A Treatise on Electricity and Magnetism,
1873, art. 314), and stores (1 - phi) times as much salt, phi of all radii.

Finite volumes in x and in r, whose shells narrow towards the surface. Axes: ``k`` slices of the block, ``j``
slices of block and separator, ``f`` faces between those, ``m`` radii, ``s`` spheres, those of the first
radius in all slices before those of the next, ``r`` shells. The differential unknowns ``u`` are y_sr,
c_j / c_0 and the charge passed; the algebraic ones ``z`` are i_s, phi_s_k, phi_l_j, the voltage and the
current density of the cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from latticecell.arrays import Floats
from latticecell.cell1d.sizes import Sizes
from latticecell.cell1d.unknowns import Control, Fields
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


class _Salt(NamedTuple):
    """What the salt sets at fixed concentrations, and derivatives by them."""

    c_j: Floats
    scale_s: Floats  # of the particle's exchange current
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
    """The 1-D counterpart of a cell.

    Parameters
    ----------
    laws : ElectroLaws
    geometry : Geometry
    sizes : Sizes
        Radii of the particles with their volumes.
    options : Cell1d
        Numbers of slices and shells, and what the 3-D cell does not know.

    Attributes
    ----------
    area : float
        Of the cell [m2].
    filled : float
        Share of the block that is active material [1].
    sizes : Sizes
        Radii of the particles with their volumes.
    surface_m : (n_radii,) float64
        Particle surface a per volume of the block [1/m].
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

    def __init__(self, laws: ElectroLaws, geometry: Geometry, sizes: Sizes, options: Cell1d):
        box, self.sizes = geometry, sizes
        volume = float(sizes.volume_m.sum())
        self.binary = laws.liquid is not None
        self.area = box.width**2
        self.filled = volume / (self.area * box.cathode)
        self.surface_m = 3 * (sizes.volume_m / (self.area * box.cathode)) / sizes.radius_m
        self.capacity = FARADAY * laws.c_max * volume
        self.active_mass = options.density * volume
        self.lithium_full = laws.c_max * volume
        self.stoich_0, self.tolerance, self.one_c = laws.initial_stoichiometry, options.tolerance, laws.one_c

        self.n_cathode, self.n_radial = options.points_cathode, options.points_radial
        self.n_slices = self.n_cathode + options.points_separator
        self.n_radii = len(sizes.radius_m)
        self.n_spheres = self.n_radii * self.n_cathode
        self.width_j = self._layered(
            box.cathode / options.points_cathode, box.separator / options.points_separator
        )
        diffusivity = options.diffusivity
        if diffusivity is None:
            diffusivity = float(np.mean(laws.diffusivity))
        self._factor = laws.diffusivity_factor
        self._build_spheres(diffusivity, laws.c_max)
        self._build_layers(laws)

        self.particle, self._lithium = laws.particle, laws.lithium
        self._beta = 2 * self.particle.thermal_voltage * (1 - self._law.transference_number)
        self._moved = (1 - self._law.transference_number) / FARADAY
        self._resistance_s = laws.contact.resistance(np.zeros(self.n_spheres))

    def _layered(self, cathode: float, separator: float) -> Floats:
        return np.repeat([cathode, separator], [self.n_cathode, self.n_slices - self.n_cathode])

    def _per_sphere(self, value_m: Floats) -> Floats:
        return np.repeat(value_m, self.n_cathode)

    def _build_spheres(self, diffusivity: float, c_max: float) -> None:
        """Build dy/dt = T y - drain i_n in the outermost shell, and y at the surface, y_last - reach i_n.

        A diffusivity f(y) D puts Phi(y), Phi' = f, in the place of y, and reach / f(y_last) in that of reach.
        """
        s = np.linspace(0.0, 1.0, self.n_radial + 1)
        edge = s * (2 - s)  # the outermost shell is 1 / n^2 thick, for steep gradients and a sharp surface
        self.share_r = np.diff(edge**3)
        centre = 0.75 * np.diff(edge**4) / self.share_r
        gradient = sp.diags_array([-1.0, 1.0], offsets=[0, 1], shape=(self.n_radial - 1, self.n_radial))
        radius_m = self.sizes.radius_m
        self._sphere_mrr = []
        for radius in radius_m.tolist():
            rate = diffusivity / radius**2
            link = rate * 3 * edge[1:-1] ** 2 / np.diff(centre)
            flow_rr = sp.diags_array(-1 / self.share_r) @ gradient.T @ sp.diags_array(link) @ gradient
            self._sphere_mrr.append(flow_rr.toarray())
        self._drain_s = self._per_sphere(3 / (radius_m * FARADAY * c_max * self.share_r[-1]))
        self._reach_s = self._per_sphere((1 - centre[-1]) * radius_m / (FARADAY * c_max * diffusivity))

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
        self.load_s = self._per_sphere(self.surface_m * self.width_j[0])  # current of a slice per i_n [1]
        self._loads_js = np.tile(np.eye(self.n_slices, n), self.n_radii) * self.load_s

    def sum_m(self, value_s: Floats) -> Floats:
        """Sum over the slices for each radius, (n_radii,)."""
        return np.asarray(value_s.reshape(self.n_radii, self.n_cathode).sum(axis=1))

    def sum_k(self, value_s: Floats) -> Floats:
        """Sum over the radii in each slice, (n_cathode,)."""
        return np.asarray(value_s.reshape(self.n_radii, self.n_cathode).sum(axis=0))

    def mean_stoich_m(self, u: Floats) -> Floats:
        """Return the mean stoichiometry of the spheres of each radius, (n_radii,) [1]."""
        return self.sum_m(self.unpack(u)[0] @ self.share_r) / self.n_cathode

    def pack(self, y_sr: Floats, c_j: Floats, charge: float) -> Floats:
        """Return the differential unknowns of stoichiometries, salt [mol/m3] and charge passed [C]."""
        return np.concatenate([y_sr.ravel(), c_j / self.salt_0, [charge / self.capacity]])

    def unpack(self, u: Floats) -> tuple[Floats, Floats, float]:
        """Return stoichiometries y_sr, salt c_j [mol/m3] and charge passed [C]; inverse of `pack`."""
        split = self.n_spheres * self.n_radial
        y_sr = u[:split].reshape(self.n_spheres, self.n_radial)
        return y_sr, u[split:-1] * self.salt_0, float(u[-1]) * self.capacity

    def fields(self, z: Floats) -> Fields:
        """Return the algebraic unknowns by name."""
        n, after = self.n_spheres, self.n_spheres + self.n_cathode
        return Fields(z[:n], z[n:after], z[after:-2], float(z[-2]), float(z[-1]))

    def rest(self) -> tuple[Floats, Floats]:
        """Return ``u`` and ``z`` of the cell before the protocol begins."""
        y_sr = np.full((self.n_spheres, self.n_radial), self.stoich_0)
        u = self.pack(y_sr, np.full(self.n_slices, self.salt_0), 0.0)
        return u, self._at_rest(u)

    def _at_rest(self, u: Floats) -> Floats:
        y_sr, _, _ = self.unpack(u)
        rest = self.particle.surface(y_sr[:, -1], np.zeros(self.n_spheres)).open_circuit_b
        z = np.zeros(self.n_spheres + self.n_cathode + self.n_slices + 2)
        z[self.n_spheres : self.n_spheres + self.n_cathode] = z[-2] = rest.mean()
        return z

    def surface_stoich(self, u: Floats, z: Floats) -> Floats:
        """Return the stoichiometry at the particle surfaces, (n_spheres,) [1]."""
        y_s = self.unpack(u)[0][:, -1]
        return y_s - self._reach_of(y_s)[0] * z[: self.n_spheres]

    def _reach_of(self, y_s: Floats) -> tuple[Floats, Floats]:
        """Return by how much a unit of current lowers y from outermost shell to surface, and its slope."""
        if self._factor is None:
            return self._reach_s, np.zeros(len(y_s))
        f = self._factor.value(y_s)
        return self._reach_s / f, -self._reach_s * self._factor.slope(y_s) / f**2

    def contact_drop(self, z: Floats) -> Floats:
        """Return i_n R_int, (n_spheres,) [V]."""
        return z[: self.n_spheres] * self._resistance_s

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
        y_sr, c_j, _ = self.unpack(u)
        salt, y_s = self._salt(c_j), y_sr[:, -1]
        step = np.inf
        for start in (guess, self._at_rest(u)):
            z = start.copy()
            for _ in range(ITERATIONS):
                residual, by_z, _ = self._equations(z, y_s, salt, control)
                if not (np.isfinite(residual).all() and np.isfinite(by_z).all()):
                    break
                step, change = self._newton(z, y_s, residual, by_z)
                z += change
                if step <= 1.0:
                    return self._within(u, z)
        raise SolveError("the potentials were not found", field="electrochemistry", residual=step)

    def _within(self, u: Floats, z: Floats) -> Floats:
        """Return ``z`` unless a surface is emptied or overfilled."""
        y_s = self.surface_stoich(u, z)
        excess = float(np.maximum(-y_s, y_s - 1).max())
        if excess > BOUND_SLACK:
            word = "full" if float(y_s.max() - 1) == excess else "empty"
            reason = f"the surface of the particle is {word}"
            raise SolveError(reason, field="electrochemistry", residual=excess)
        return z

    def _newton(self, z: Floats, y_s: Floats, residual: Floats, by_z: Floats) -> tuple[float, Floats]:
        """Return the Newton step, damped, and its size over the tolerances."""
        n = self.n_spheres
        change = -np.linalg.solve(by_z, residual)
        steepest = float(np.abs(change[n:-1]).max())
        scale = max(float(np.abs(z[:n]).max()), 1e-3 * self.particle.exchange_current)  # or round-off
        size = max(
            steepest / VOLTAGE_TOLERANCE, float(np.abs(change[:n]).max()) / (CURRENT_TOLERANCE * scale)
        )
        change *= min(1.0, LONGEST_STEP / max(steepest, 1e-300))
        reach_s = self._reach_of(y_s)[0]
        old = y_s - reach_s * z[:n]
        new = old - reach_s * change[:n]
        allowed = limit_step(old, new)
        return size, np.append(np.where(allowed != new, (old - allowed) / reach_s, change[:n]), change[n:])

    def rates(self, u: Floats, z: Floats) -> Floats:
        """Return du/dt [1/s]."""
        y_sr, c_j, _ = self.unpack(u)
        current, density = z[: self.n_spheres], z[-1]
        phi_sr = y_sr if self._factor is None else self._factor.integral(y_sr)
        parts = np.split(phi_sr, self.n_radii)
        rate_sr = np.concatenate(
            [part @ sphere_rr.T for part, sphere_rr in zip(parts, self._sphere_mrr, strict=True)]
        )
        rate_sr[:, -1] -= self._drain_s * current
        flow_f = self._salt_conductance(c_j)[0] * (self._gradient_fj @ c_j)
        gain_j = -self._gradient_fj.T @ flow_f
        gain_j[: self.n_cathode] += self.sum_k(self._moved * self.load_s * current)
        gain_j[-1] -= self._moved * density
        passed = density * self.area / self.capacity
        return np.concatenate(
            [rate_sr.ravel(), gain_j / (self.width_j * self.storage_j * self.salt_0), [passed]]
        )

    def jacobian(self, u: Floats, z: Floats, control: Control) -> sp.csc_array:
        """Return the derivative of `rates` by ``u``, the algebraic unknowns following, (n_u, n_u) [1/s].

        Derivatives of the laws of the electrolyte are finite differences.
        """
        y_sr, c_j, _ = self.unpack(u)
        n, split = self.n_spheres, self.n_spheres * self.n_radial
        salt = self._salt(c_j)
        _, by_z, by_u = self._equations(z, y_sr[:, -1], salt, control)
        z_by_u = -np.linalg.solve(by_z, by_u)  # columns: y_last of each sphere, c of each slice
        conductance_f, slope_fj = self._salt_conductance(c_j)
        gradient = self._gradient_fj
        flow_fj = conductance_f[:, None] * gradient + slope_fj * (gradient @ c_j)[:, None]
        gain = self._moved * self._loads_js @ z_by_u[:n]
        gain[-1] -= self._moved * z_by_u[-1]
        gain[:, n:] -= gradient.T @ flow_fj
        local = np.vstack([
            -self._drain_s[:, None] * z_by_u[:n],
            gain / (self.width_j * self.storage_j * self.salt_0)[:, None],
            z_by_u[-1:] * (self.area / self.capacity),
        ])  # fmt: skip
        local[:, n:] *= self.salt_0
        last = np.arange(n) * self.n_radial + self.n_radial - 1
        row = np.concatenate([last, np.arange(split, len(u))])
        column = row[:-1]
        each = sp.eye_array(self.n_cathode)
        spheres = sp.block_diag([sp.kron(each, sphere_rr) for sphere_rr in self._sphere_mrr])
        if self._factor is not None:
            spheres = spheres @ sp.diags_array(self._factor.value(y_sr).ravel())
        others = len(u) - split
        spheres = sp.block_diag([spheres, sp.coo_array((others, others))])
        place = (np.repeat(row, len(column)), np.tile(column, len(row)))
        return (spheres + sp.coo_array((local.ravel(), place), shape=spheres.shape)).tocsc()

    def _salt(self, c_j: Floats) -> _Salt:
        scale_k = (
            exchange_scale(c_j[: self.n_cathode], self.salt_0) if self.binary else np.ones(self.n_cathode)
        )
        scale_s = np.tile(scale_k, self.n_radii)
        kappa_j = self._scale_j * self._law.conductivity(c_j)
        slope_j = self._scale_j * _slope(self._law.conductivity, c_j)
        conductance_f = _in_series(kappa_j, self.width_j)
        driven_f = self._beta * conductance_f * np.diff(np.log(np.maximum(c_j, FLOOR)))
        return _Salt(c_j, scale_s, kappa_j, slope_j, conductance_f, driven_f)

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
        self, z: Floats, y_s: Floats, salt: _Salt, control: Control
    ) -> tuple[Floats, Floats, Floats]:
        """Residuals of the algebraic equations, and their derivatives by ``z`` and by (y_s, c_j).

        Rows: reaction of the spheres, electrons of the slices of the block, ions of all slices, Li metal,
        control.
        """
        n, k_n, m = self.n_spheres, self.n_cathode, self.n_slices
        current, phi_s, phi_l, voltage, density = self.fields(z)
        reach_s, reach_slope_s = self._reach_of(y_s)
        surface = self.particle.surface(y_s - reach_s * current, np.zeros(n), salt.scale_s)
        drop_s = np.tile(phi_s - phi_l[:k_n], self.n_radii)
        reaction = self.particle.react(surface, drop_s, self._resistance_s)
        metal = self._metal(z, salt)
        gradient = self._gradient_fj
        ions_f = -salt.conductance_f * (gradient @ phi_l) + salt.driven_f

        drawn_k = self.sum_k(self.load_s * current)
        electrons = self._electron_kk @ phi_s + drawn_k
        electrons[0] -= 2 * self._electronic * voltage
        ions = -gradient.T @ ions_f
        ions[:k_n] -= drawn_k
        ions[-1] += density
        miss, by_voltage, by_density = control.miss(voltage, density)
        residual = np.concatenate(
            [current - reaction.current_b, electrons, ions, [metal.current - density, miss]]
        )

        s, k, first = np.arange(n), np.arange(n) % k_n, n + k_n  # slice of each sphere; first row of the ions
        ions_j = slice(first, first + m)
        by_z = np.zeros((first + m + 2, first + m + 2))
        by_z[s, s] = 1 + reach_s * reaction.slope_b
        by_z[s, n + k] = -reaction.conductance_b
        by_z[s, first + k] = reaction.conductance_b
        by_z[n:first, n:first] = self._electron_kk
        by_z[n + k, s] = self.load_s
        by_z[n, -2] = -2 * self._electronic
        by_z[ions_j, ions_j] = gradient.T @ (salt.conductance_f[:, None] * gradient)
        by_z[first + k, s] = -self.load_s
        by_z[first + m - 1, -1] = 1.0
        by_z[-2, first + m - 1] = metal.by_potential
        by_z[-2, -1] = metal.by_density - 1
        by_z[-1, -2:] = by_voltage, by_density

        by_u = np.zeros((len(residual), n + m))
        by_u[s, s] = -reaction.slope_b * (1 - reach_slope_s * current)
        if self.binary:  # di / d ln i0 = i / (1 + R k) where i_n R_int is part of the overpotential
            eased = 1 - self._resistance_s * reaction.conductance_b
            by_u[s, n + k] = -PARTICLE_POWER * eased * reaction.current_b / np.maximum(salt.c_j[k], FLOOR)
            drive_f = self._beta * np.diff(np.log(np.maximum(salt.c_j, FLOOR))) - gradient @ phi_l
            slope_fj = (
                self._face_slope(salt.conductance_f, salt.kappa_j, salt.kappa_slope_j) * drive_f[:, None]
            )
            slope_fj += self._beta * salt.conductance_f[:, None] * gradient / np.maximum(salt.c_j, FLOOR)
            by_u[ions_j, n:] = -gradient.T @ slope_fj
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
