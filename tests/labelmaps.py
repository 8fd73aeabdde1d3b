"""Label maps with a known truth: a particle, or two, cut into grains by planes or by curved boundaries."""

import time
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats.qmc import Sobol

from latticecell.imports import load
from latticecell.imports.agreement import _in_file, _numbered, agreement
from latticecell.imports.load import labelled
from latticecell.meshing.generate import build_network
from latticecell.reader import config_from_table

BOX = 12.0  # um
NEAREST = 12
WAVES = 5


@dataclass
class Truth:
    """Grains 0 .. n - 1 in particles; n is the ECBD. Periodic in x and y; lengths in um."""

    grains: int
    seed: int
    curved: bool = False
    lobed: bool = False
    two: bool = False
    pores: int = 0
    box: float = BOX
    center: list = field(init=False)
    radius: float = field(init=False)

    def __post_init__(self):
        rng = np.random.default_rng([self.seed, 12])
        self.radius = 0.23 * self.box if self.two else 0.38 * self.box
        half = self.box / 2
        offset = np.array([0.25, 0.25, 0.0]) * self.box if self.two else np.zeros(3)
        self.center = [half - offset, half + offset] if self.two else [half * np.ones(3)]
        per = self.grains // len(self.center)
        self.grains = per * len(self.center)
        self.size = self.radius * (4.19 / per) ** (1 / 3)
        self.seeds, self.weights, self.wave, self.phase = [], [], [], []
        for _ in self.center:
            chosen = []
            while len(chosen) < per:
                y = rng.uniform(-1, 1, 3) * 1.1 * self.radius
                if self._level(y[None])[0] < -0.03 * self.radius:
                    apart = [np.linalg.norm(y - other) for other in chosen]
                    if min(apart, default=np.inf) > 0.6 * self.size:
                        chosen.append(y)
            seeds = np.array(chosen)
            apart = np.linalg.norm(seeds[:, None] - seeds, axis=2) + 1e9 * np.eye(per)
            self.seeds.append(seeds)
            self.weights.append(rng.uniform(0, 0.4, per) * apart.min(axis=1) ** 2)
            self.wave.append(rng.normal(size=(per, WAVES, 3)) * 2.0 / self.size)
            self.phase.append(rng.uniform(0, 2 * np.pi, (per, WAVES)))
        u = rng.normal(size=(self.pores, 3))
        reach = rng.uniform(0.3, 0.7, self.pores) * self.radius
        self.pore_center = u / np.linalg.norm(u, axis=1)[:, None] * reach[:, None]
        self.pore_radius = 0.35 * self.size

    def _level(self, y):
        size = np.linalg.norm(y, axis=-1)
        if not self.lobed:
            return size - self.radius
        u = y / np.maximum(size, 1e-12)[..., None]
        bumps = 0.15 * (u[..., 0] ** 3 - 3 * u[..., 0] * u[..., 1] ** 2) + 0.08 * np.sin(3 * u[..., 2])
        return size - 0.95 * self.radius * (1 + bumps)

    def domain(self, x):
        """Domain of each point, (n, 3) to (n,)."""
        out = np.full(len(x), self.grains)
        first = 0
        for p, center in enumerate(self.center):
            y = np.array(x, float) - center
            y[:, :2] -= self.box * np.round(y[:, :2] / self.box)
            inside = np.flatnonzero(self._level(y) < 0)
            for c in self.pore_center:
                inside = inside[np.linalg.norm(y[inside] - c, axis=1) > self.pore_radius]
            z = y[inside]
            d, near = cKDTree(self.seeds[p]).query(z, k=min(NEAREST, len(self.seeds[p])))
            d, near = d.reshape(len(z), -1), near.reshape(len(z), -1)
            if self.curved:
                for m in range(WAVES):
                    angle = np.einsum("nkc,nc->nk", self.wave[p][near, m], z) + self.phase[p][near, m]
                    d += 0.07 * self.size * np.cos(angle)
            else:
                d = d**2 - self.weights[p][near]
            out[inside] = first + np.take_along_axis(near, d.argmin(axis=1)[:, None], axis=1)[:, 0]
            first += len(self.seeds[p])
        return out

    def voxels(self, n):
        """Labels of ``n`` voxels (three numbers) and the size of a voxel."""
        voxel = self.box / np.array(n)
        axes = [(np.arange(m) + 0.5) * v for m, v in zip(n, voxel, strict=True)]
        x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        return self.domain(x).reshape(n).astype(np.int32), voxel

    def areas(self, power=20, step=0.25, seed=0):
        """Areas of grain boundaries and of the surface, from how often segments cross them.

        Crofton's formula with ``2**power`` segments, a scrambled Sobol sequence, to about 0.2 %. What a
        segment of finite length misses falls in proportion to it and is extrapolated.
        """
        length, low = step * self.size, np.min(self.center, axis=0) - 1.3 * self.radius
        side = np.max(self.center, axis=0) + 1.3 * self.radius - low
        low, side = np.maximum(low, 0), np.minimum(side, self.box)  # no periodic image twice
        drawn = Sobol(5, seed=seed).random_base2(power)
        x, height, angle = low + drawn[:, :3] * side, 2 * drawn[:, 3] - 1, 2 * np.pi * drawn[:, 4]
        flat = np.sqrt(1 - height**2)
        u = length * np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)
        ends = [self.domain(x + part * u) for part in (0.0, 0.5, 1.0)]

        def crossings(a, b):
            outer = (a == self.grains) | (b == self.grains)
            return np.array([((a != b) & ~outer).sum(), ((a != b) & outer).sum()])

        coarse, fine = crossings(ends[0], ends[2]), crossings(*ends[:2]) + crossings(*ends[1:])
        return 2 * np.prod(side) / (len(x) * length) * (2 * fine - coarse)


def salted(label, rng, share=0.3):
    """Give voxels next to boundaries the label of a random neighbour."""
    out = label.copy()
    which, hit = rng.integers(0, 6, label.shape), rng.random(label.shape) < share
    for i, (axis, step) in enumerate((axis, step) for axis in range(3) for step in (-1, 1)):
        some = hit & (which == i)
        out[some] = np.roll(label, step, axis)[some]
    return out


KINDS = ("planar", "curved", "salted", "pores", "flat", "two")
ACROSS = 3.5
"""Sites across a grain."""


@dataclass(frozen=True)
class Case:
    """A random map: truth, numbers of voxels, and how the labels are spoilt."""

    kind: str
    truth: Truth
    voxels: tuple[int, int, int]

    @classmethod
    def draw(cls, number, grains=(20, 200), voxels=(48, 96)):
        """Draw the map of a number; the six kinds take turns, planar and curved boundaries by chance."""
        rng = np.random.default_rng([number, 2026])
        kind = KINDS[number % len(KINDS)]
        n = int(np.exp(rng.uniform(*np.log(grains))))
        curved = bool(kind == "curved" or (kind != "planar" and rng.random() < 0.5))
        across, up = rng.integers(voxels[0], voxels[1] + 1, 2)
        if kind == "flat" and max(across, up) < 1.3 * min(across, up):
            across, up = voxels[0], voxels[1]
        truth = Truth(
            n, number, curved=curved, lobed=bool(rng.random() < 0.5), two=kind == "two",
            pores=int(rng.integers(2, 7)) if kind == "pores" else 0,
        )  # fmt: skip
        return cls(kind, truth, (int(across), int(across), int(up if kind == "flat" else across)))

    def config(self, path):
        """Write the map, and return the configuration of a network from it."""
        label, voxel = self.truth.voxels(self.voxels)
        if self.kind == "salted":
            label = salted(label, np.random.default_rng(self.truth.seed))
        np.save(path / "map.npy", label)
        labels = {
            "file": str(path / "map.npy"), "voxel_size_um": [float(v) for v in voxel], "periodic": True,
            "ecbd": [self.truth.grains], "random_orientations": True, "closed_pores": "fill",
            "smoothing": 0.8 if self.kind == "salted" else 0.7,
        }  # fmt: skip
        return config_from_table(
            {
                "microstructure": {"seed": self.truth.seed + 1, "labels": labels},
                "geometry": {"separator_um": 2.0},
                "network": {"spacing_um": self.truth.size / ACROSS, "spacing_max_um": 2.0, "growth": 0.5},
            }
        )

    def measure(self, path, power=20):
        """Make the network; figures of it against the truth without salt and pores, and CPU time [s]."""
        made = self.config(path)
        start = time.process_time()
        load._labelled.cache_clear()  # the configuration was checked with it
        micro = labelled(made)
        network = build_network(made, micro)
        seconds = time.process_time() - start
        found = agreement(network, micro)
        whole = replace(self.truth, pores=0)
        label, names = _in_file(network, micro)
        true = _numbered(whole.voxels(self.voxels)[0], names)
        pore = true != _numbered(self.truth.voxels(self.voxels)[0], names)
        inside = ((true < len(names)) | (label < len(names))) & ~pore
        between, surface = whole.areas(power)
        return {
            "kind": self.kind, "curved": self.truth.curved, "lobed": self.truth.lobed,
            "wanted": self.truth.grains, "voxels": self.voxels,
            "across": self.truth.size * 1e-6 / made.network.spacing,
            "seconds": seconds, "sites": found.sites, "quality": found.tet_quality_min,
            "grains": found.grains, "lost": found.lost_grains, "split": found.split_grains,
            "particles": found.particles, "right": float((label == true)[inside].mean()),
            "told": found.voxels_right, "gb": float(found.gb_area * 1e12 / between - 1),
            "surface": float(found.surface * 1e12 / surface - 1), "planar": found.planar,
            "fit": found.planar_fit, "contacts_lost": found.contacts_lost, "contacts": found.contacts,
            "voxels_a_grain": float((true < len(names)).sum() / self.truth.grains), "notes": found.notes,
        }  # fmt: skip
