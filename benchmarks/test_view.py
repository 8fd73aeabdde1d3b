"""Opening a run of 50k nodes until its first picture, and drawing it again at another time."""

import time
from dataclasses import replace

import numpy as np
import pytest

from conftest import cell
from latticecell import State, open_run
from latticecell.observables import written
from latticecell.output import RunDirectory
from latticecell.view import RunModel, make_look
from latticecell.view.offscreen import Studio, find_driver
from rundirs import derived

OPENING_SECONDS = 10.0
REDRAW_SECONDS = 0.3
SNAPSHOTS = 8


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Run of 50k nodes with made-up fields that vary in space and time."""
    config, network = cell("50k")
    path = tmp_path_factory.mktemp("view") / "run"
    run = RunDirectory.create(path, config, network, threads=1)
    state, rng = State.zeros(network), np.random.default_rng(23)
    from_center = network.x_nc - network.particle_center_pc[0]
    for i in range(SNAPSHOTS):
        state.u_nc[...] = -1.3e-3 * i * from_center * network.is_active_n[:, None]
        state.stoich_n[...] = np.where(network.is_active_n, 0.93 - 0.07 * i, 0)
        state.gap_b[...] = 4.7e-9 * i
        fields = written(state) | derived(
            von_mises=rng.random(network.n_tets),
            hydrostatic=rng.normal(size=network.n_tets),
            volumetric_strain=0.01 * rng.normal(size=network.n_tets),
            damage=np.full(network.n_bonds, i / SNAPSHOTS),
            broken=rng.random(network.n_bonds) < i / SNAPSHOTS,
        )
        run.append_row(
            {"cycle": 1, "step": 1, "kind": "charge", "time_s": 97.0 * i, "voltage_V": 3.7 + 0.05 * i}
        )
        run.write_snapshot(fields, state.strain_c, 97.0 * i)
    return path


@pytest.fixture(scope="module", autouse=True)
def driver():
    if find_driver() is None:
        pytest.skip("no off-screen driver")


def test_open_50k(benchmark, directory):
    def opened():
        model = RunModel(open_run(directory))
        look = make_look(model, "von_mises")
        with Studio(model) as studio:
            studio.aim(look)
            studio.picture(look)

    benchmark.pedantic(opened, rounds=1)
    if benchmark.enabled:
        assert benchmark.stats.stats.max < OPENING_SECONDS


@pytest.mark.parametrize(
    "look", ["stoichiometry-zy", "von_mises-zy", "stoichiometry-none", "von_mises-zy-cell"]
)
def test_redraw_50k(benchmark, directory, look):
    """The slider moves from one snapshot to the next: read, colour, draw."""
    field, cut, *whole = look.split("-")
    model = RunModel(open_run(directory))
    start = make_look(model, field, cut=cut, whole=bool(whole))
    with Studio(model) as studio:
        studio.aim(start)
        studio.picture(start)
        scene, steps = studio.scene, iter(range(SNAPSHOTS - 1))
        shares = {}

        def redraw():
            begin = time.perf_counter()
            scene.show(replace(start, step=next(steps)))
            shares["arrays_s"] = time.perf_counter() - begin
            scene.render()

        benchmark.pedantic(redraw, rounds=SNAPSHOTS - 1)
        benchmark.extra_info.update(shares)
    if benchmark.enabled:
        assert benchmark.stats.stats.median < REDRAW_SECONDS
