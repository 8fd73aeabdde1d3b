"""What readers give of a damaged run, and whether it is what was written, or the damage was told."""

import json
import warnings

import numpy as np

import latticecell as lc
from latticecell.errors import DamageWarning


def everything(path):
    """What a reader may ask a run for, part by part; a part that cannot be had is an error of ours."""
    run = lc.open_run(path)
    parts = {
        "status": lambda: run.status,
        "config": lambda: run.config,
        "network": lambda: run.network.x_kc.tobytes(),
        "history": lambda: {name: values.tobytes() for name, values in run.history.items()},
        "times": lambda: run.snapshots.times.tobytes(),
        **{
            f"{step} {key}": lambda step=step, key=key: run.snapshots[step][key].tobytes()
            for step in range(3)
            for key in run.fields
        },
        "strain": lambda: [shot.strain.tobytes() for shot in run.snapshots],
    }
    found = {}
    for name, read in parts.items():
        try:
            found[name] = read()
        except (lc.ConfigError, IndexError) as error:
            found[name] = error
    return found


def tell(read, *args):
    """Return what a reader gives, and everything that it says."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", DamageWarning)
        try:
            found = read(*args)
        except lc.ConfigError as error:
            return None, [str(error)]
    assert all(issubclass(one.category, DamageWarning) for one in told), told
    return found, [str(one.message) for one in told]


def assert_told_or_equal(path, whole, *, growing=False):
    """Every part is the one that was written, or the damage was told.

    While a run is growing, a row whose digest is on its way does not count yet.
    """
    found, said = tell(everything, path)
    if found is None:
        assert str(path) in said[0]
        return said
    for name, part in found.items():
        if isinstance(part, lc.ConfigError):
            said.append(str(part))
        elif part != whole[name]:
            assert said or (growing and name == "history"), name
            if name == "history" and part:  # good rows, without the others
                rows = {key: np.frombuffer(values) for key, values in part.items() if key != "kind"}
                all_rows = {
                    key: np.frombuffer(values) for key, values in whole[name].items() if key != "kind"
                }
                mine = np.isin(all_rows["time_s"], rows["time_s"])
                assert said or mine[:-1].all()
                for key, values in rows.items():
                    np.testing.assert_array_equal(values, all_rows[key][mine], err_msg=key)
            elif name == "times":
                times, written = np.frombuffer(part), np.frombuffer(whole[name])
                assert np.isnan(times[times != written[: len(times)]]).all()
            else:
                assert name in ("strain", "history"), name
    return said


def files_of(path):
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def same_json(one, other):
    """White space may change in a JSON file."""
    return one.suffix == ".json" and json.loads(one.read_bytes()) == json.loads(other.read_bytes())


def told_of(name, said, path):
    """Whether something was said that names the file, or its digests, or what it belongs to."""
    about = name.replace("history.sum", "history")
    return any(about in line or (name == "run.json" and str(path) in line) for line in said)
