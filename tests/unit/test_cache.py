"""Networks kept from run to run: what comes back, what is built anew, and where they are."""

import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from cells import SMALL, tiny
from latticecell import config_from_table
from latticecell.meshing import smoothing
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.output import cache

COUNT = "built.txt"


def small(seed=3, **network):
    table = {**SMALL, "microstructure": {"grains": 3, "seed": seed}}
    return config_from_table({**table, "network": {**SMALL["network"], **network}})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, and a count of the networks that are really built, by lines of a file."""
    monkeypatch.setenv("LATTICECELL_CACHE", str(tmp_path / "cache"))

    def counted(config, microstructure):
        with (tmp_path / COUNT).open("a") as file:
            file.write("built\n")
        time.sleep(0.2)  # so that processes meet
        return build_network(config, microstructure)

    monkeypatch.setattr(cache, "build_network", counted)
    return tmp_path


def built(folder):
    return len((folder / COUNT).read_text().splitlines())


def assert_same(one, other):
    for name, array in one.arrays().items():
        np.testing.assert_array_equal(array, other.arrays()[name], err_msg=name)
        assert array.dtype == other.arrays()[name].dtype
        assert not other.arrays()[name].flags.writeable
    for lists in ("node_springs", "spring_tets"):
        np.testing.assert_array_equal(getattr(one, lists).index, getattr(other, lists).index)


def test_a_kept_network_is_the_built_one_bit_for_bit(folder):
    config = small()
    fresh = build_network(config, build_microstructure(config))
    assert_same(fresh, cache.network_of(config))
    assert_same(fresh, cache.network_of(config))
    assert built(folder) == 1


def test_what_enters_decides_and_nothing_else(folder):
    base = small()
    cache.network_of(base)
    cache.network_of(base.model_copy(update={"name": "other", "protocol": tiny().protocol}))
    assert built(folder) == 1
    keys = {
        cache.network_key(config, build_microstructure(config))
        for config in (base, small(4), small(growth=0.85), small(spacing_um=1.31), tiny())
    }
    assert len(keys) == 5


def test_a_change_of_the_numerics_makes_every_entry_old(folder, monkeypatch):
    cache.network_of(small())
    monkeypatch.setattr(cache, "RESULTS_VERSION", cache.RESULTS_VERSION + 1)
    cache.network_of(small())
    assert built(folder) == 2


def test_a_changed_generator_makes_every_entry_old(folder, monkeypatch):
    """In a working copy neither version says so."""
    names = {path.name for path in cache.generator_files()}
    assert {"generate.py", "conform.py", "smoothing.py", "network.py", "microstructure.py"} <= names
    assert {"placement", "smoothing"} <= {
        name.split(".")[0] for name in names if name.endswith((".so", ".pyd"))
    }
    cache.network_of(small())
    changed = folder / "smoothing.py"
    changed.write_bytes(Path(smoothing.__file__).read_bytes())
    files = [changed if path.name == changed.name else path for path in cache.generator_files()]
    monkeypatch.setattr(cache, "generator_files", lambda: files)
    cache.generator_digest.cache_clear()
    cache.network_of(small())
    assert built(folder) == 1
    with changed.open("a") as file:
        file.write("# changed\n")
    cache.generator_digest.cache_clear()
    cache.network_of(small())
    assert built(folder) == 2
    monkeypatch.undo()
    cache.generator_digest.cache_clear()


def test_damaged_entries_are_built_anew(folder):
    fresh = cache.network_of(small())
    (entry,) = (folder / "cache").glob("*.h5")
    whole = entry.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    for n, damage in enumerate((bytes(flipped), whole[:-7], b"", b"x" * 3000), start=2):
        entry.write_bytes(damage)
        assert_same(fresh, cache.network_of(small()))
        assert built(folder) == n
        assert entry.read_bytes()[:512] == whole[:512]


def _fetch(_):
    return cache.network_of(small()).n_nodes


def test_processes_that_want_one_network_mesh_it_once(folder):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert len(set(pool.map(_fetch, range(3), chunksize=1))) == 1
    assert built(folder) == 1


def test_entries_unused_for_longest_go_first(folder, monkeypatch):
    for seed in (3, 4, 5):
        cache.network_of(small(seed))
    entries = {seed: folder / "cache" / f"{_key(seed)}.h5" for seed in (3, 4, 5, 6)}
    for age, seed in enumerate((4, 3, 5)):
        os.utime(entries[seed], (1e9 + age, 1e9 + age))
    cache.network_of(small(4))  # used again: now the latest
    monkeypatch.setattr(cache, "LARGEST", int(3.2 * entries[4].stat().st_size))
    cache.network_of(small(6))
    assert [seed for seed, path in entries.items() if path.exists()] == [4, 5, 6]


def _key(seed):
    return cache.network_key(small(seed), build_microstructure(small(seed)))


def test_a_cache_that_cannot_be_written_does_no_harm(folder, monkeypatch):
    (folder / "file").write_text("in the way")
    monkeypatch.setenv("LATTICECELL_CACHE", str(folder / "file"))
    assert cache.network_of(small()).n_nodes > 100


def test_where_networks_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("LATTICECELL_CACHE", "off")
    assert cache.cache_folder() is None
    monkeypatch.delenv("LATTICECELL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "latticecell"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".cache" / "latticecell"
