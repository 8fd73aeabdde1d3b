"""The file of a study: axes, samples, cases, and the runs that they become."""

import math
from importlib import import_module

import pytest

import latticecell as lc
from latticecell import config_from_table
from latticecell.errors import ConfigError
from latticecell.laws import OCV_LAWS
from latticecell.laws.ocv import nmc111_zheng2013
from latticecell.reader import read_config, resolved_toml
from latticecell.study import MEASURES
from latticecell.study.plan import plan, run_hash
from latticecell.study.sampling import points
from latticecell.study.spec import read_study, study_from_table

BASE = """
[microstructure]
grains = 9
[network]
spacing_um = 1.4
spacing_max_um = 4.0
growth = 0.6
"""
STRENGTH = "interface.strength_MPa"


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    (tmp_path / "base.toml").write_text(BASE)
    return tmp_path


def spec(folder, **table):
    return study_from_table({"base": "base.toml", **table}, folder)


def planned(folder, out="out", **table):
    options = {name: table.pop(name) for name in ("variant", "names") if name in table}
    return plan(spec(folder, **table), folder / out, **options)


def problems(call, *args, **kwargs):
    with pytest.raises(ConfigError) as caught:
        call(*args, **kwargs)
    return caught.value.problems


def test_axes_multiply_and_the_last_varies_fastest(folder):
    axes = [
        {"key": STRENGTH, "values": [70, 130]},
        {"keys": ["protocol.steps[0].c_rate", "protocol.steps[1].c_rate"], "values": [[1.5, 2.5], [3, 4]]},
    ]
    runs = planned(folder, axes=axes, seeds=[3, 8])
    assert [(run.case.name, run.seed) for run in runs[:5]] == [
        ("strength_MPa=70 c_rate=1.5", 3),
        ("strength_MPa=70 c_rate=1.5", 8),
        ("strength_MPa=70 c_rate=3", 3),
        ("strength_MPa=70 c_rate=3", 8),
        ("strength_MPa=130 c_rate=1.5", 3),
    ]
    last = runs[-1].config
    assert (last.interface.strength, last.microstructure.seed) == (130e6, 8)
    assert [step.c_rate for step in last.protocol.steps] == [
        3.0,
        4.0,
    ]  # the default steps, which the base lacks
    assert [step.kind for step in last.protocol.steps] == ["charge", "discharge"]
    assert len({run.path for run in runs}) == len(runs) == 8


def test_ranges_are_even_or_logarithmic_and_whole_where_the_key_is(folder):
    axes = [
        {
            "key": "interface.stiffness_Pa_per_m",
            "range": {"start": 1e18, "stop": 1e20, "num": 3, "scale": "log"},
        },
        {"key": "microstructure.grains", "range": {"start": 5, "stop": 8, "num": 3}},
    ]
    found = points(spec(folder, axes=axes), frozenset({"microstructure.grains"}))
    values = [tuple(point.values.values()) for point in found]
    assert values[:4] == [(1e18, 5), (1e18, 6), (1e18, 8), (1e19, 5)]
    runs = planned(folder, axes=axes)
    assert [run.config.microstructure.grains for run in runs[:3]] == [5, 6, 8]


@pytest.mark.parametrize("kind", ["latin_hypercube", "sobol"])
def test_a_sample_fills_its_box(folder, kind):
    box = {
        STRENGTH: {"low": 20, "high": 500, "scale": "log"},
        "microstructure.grains": {"low": 3, "high": 40},
    }
    sample = {"kind": kind, "n": 16, "seed": 5, "ranges": box}
    runs = planned(folder, sample=sample)
    assert [run.case.name for run in runs[:2]] == ["sample01", "sample02"]
    share = [math.log(run.config.interface.strength / 20e6) / math.log(25) for run in runs]
    assert sorted(int(16 * s) for s in share) == list(range(16))  # one in each of 16 strata
    assert all(3 <= run.config.microstructure.grains <= 40 for run in runs)
    again = planned(folder, sample=sample)
    assert [run.path for run in again] == [run.path for run in runs]
    other = planned(folder, sample={**sample, "seed": 6})
    assert not {run.path for run in other} & {run.path for run in runs}


def test_variants_lie_between_study_and_case(folder):
    table = {
        "set": {STRENGTH: 60, "network.growth": 0.5},
        "variants": {"coarse": {"network": {"growth": 0.7}}, "fine": {"network.growth": 0.3}},
        "default_variant": "coarse",
        "cases": [
            {"name": "plain"},
            {"name": "strong", "set": {STRENGTH: 90}},
            {"name": "mesh", "variant": "fine", "seeds": [5], "extra": True},
        ],
        "seeds": 2,
    }
    runs = planned(folder, **table)
    assert [(run.case.name, run.seed) for run in runs] == [
        ("plain", 1),
        ("plain", 2),
        ("strong", 1),
        ("strong", 2),
    ]
    assert [run.config.network.growth for run in runs] == [0.7] * 4
    assert [run.config.interface.strength for run in runs] == [60e6, 60e6, 90e6, 90e6]
    chosen = planned(folder, **table, names=["mesh"], variant="coarse")
    assert [(run.seed, run.config.network.growth) for run in chosen] == [(5, 0.3)]
    assert len(planned(folder, **table, names=["all"])) == 5
    assert "did you mean fine" in problems(planned, folder, **table, variant="fien")[0]
    assert "did you mean strong" in problems(planned, folder, **table, names=["stron"])[0]


def test_groups_choose_cases_and_cell1d_takes_one_seed(folder):
    cases = [
        {"name": "a", "group": "Fig 3"},
        {"name": "b"},
        {"name": "c", "group": "Fig 3", "kind": "cell1d"},
    ]
    runs = planned(folder, cases=cases, seeds=3, names=["fig3"])
    assert [(run.case.name, run.seed) for run in runs] == [("a", 1), ("a", 2), ("a", 3), ("c", 1)]


def test_equal_inputs_share_a_run_whatever_they_are_called(folder):
    cases = [
        {"name": "one"},
        {"name": "two", "set": {STRENGTH: 100.0}},
        {"name": "threads", "set": {"solver.threads": 2}},
        {"name": "other", "set": {STRENGTH: 100.1}},
        {"name": "1d", "kind": "cell1d"},
    ]
    runs = planned(folder, cases=cases)
    assert runs[0].path == runs[1].path == runs[2].path
    assert len({run.path for run in runs}) == 3
    runs[3].path.mkdir(parents=True)
    renamed = planned(folder, cases=[{"name": "new name", "set": {STRENGTH: 100.1}}])
    assert renamed[0].path == runs[3].path  # found again by its hash


def test_the_hash_knows_the_version_of_the_results_and_user_laws(folder, monkeypatch, named_law):
    config = lc.read_config(folder / "base.toml")
    module, before = import_module("latticecell.study.plan"), run_hash(config, "3d")
    assert before != run_hash(config, "cell1d")
    monkeypatch.setattr(module, "RESULTS_VERSION", 999)
    assert run_hash(config, "3d") != before
    monkeypatch.undo()
    # laws of the user's count where the input names them, engines and measures never
    named_law(OCV_LAWS, "own", lambda: nmc111_zheng2013())
    named_law(MEASURES, "own", lambda run: 0.0)
    assert run_hash(config, "3d") == before
    own = config_from_table({"materials": {"active": {"ocv": "own"}}})
    first = run_hash(own, "3d")
    OCV_LAWS.remove("own")
    OCV_LAWS.register("own", nmc111_zheng2013)  # the same name from elsewhere
    assert run_hash(own, "3d") != first


def test_all_problems_of_the_file_come_at_once(folder):
    table = {
        "base": "base.toml", "seed": [1], "default_variant": "corse", "variants": {"coarse": {}},
        "axes": [
            {"key": "a.b"},
            {"key": "c", "keys": ["d"], "values": [[1]]},
            {"keys": ["e", "f"], "values": [[1]]},
        ],
    }  # fmt: skip
    assert problems(study_from_table, table) == ["seed = [1]: unknown key; did you mean seeds? (study)"]
    del table["seed"]
    told = problems(study_from_table, table)
    assert len(told) == 4
    assert "axes[0]: needs either values or range" in told[0]
    assert "axes[1]: needs either key or keys" in told[1]
    assert "axes[2].values[0] = [1]: must list one value for each of 2 keys" in told[2]
    assert "did you mean coarse" in told[3]


def sample(kind="latin_hypercube", n=4, **bounds):
    return {"sample": {"kind": kind, "n": n, "ranges": {STRENGTH: bounds}}}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"seeds": 0}, "seeds"),
        ({"seeds": [-1]}, "seeds[0] = -1: must be"),
        (sample(kind="sobol", n=12, low=1, high=2), "for example 8 or 16"),
        (sample(low=2, high=1), "low = 2 must be below high = 1"),
        (sample(low=0, high=1, scale="log"), "positive on a log scale"),
        (sample(low=0, hihg=1), "did you mean high?"),
        ({"axes": [{"key": STRENGTH, "range": {"start": 0, "stop": 1, "num": 1}}]}, "axes[0].range.num = 1"),
        ({"axes": [{"key": STRENGTH, "values": [1], "labels": ["a", "b"]}]}, "2 labels for 1 values"),
        ({"axes": [{"key": "microstructure.seed", "values": [1]}]}, "varied by seeds"),
        ({"axes": [{"key": STRENGTH, "values": [1]}] * 2}, "varied twice"),
        ({"base": None, "cases": [{"name": "a"}]}, "needs a file"),
        ({"cases": [{"name": "a", "kind": "2d"}]}, "cases[0].kind = '2d': must be '3d' or 'cell1d'"),
        ({"folder": "x"}, "folder"),
    ],
)  # fmt: skip
def test_what_a_study_cannot_be_is_told(folder, table, message):
    table = {key: value for key, value in {"base": "base.toml", **table}.items() if value is not None}
    assert any(message in problem for problem in problems(study_from_table, table, folder))


def test_unknown_keys_are_refused_with_the_message_of_the_run_before_anything_runs(folder):
    axes = [
        {"key": "interface.strenth_MPa", "values": [50, 60]},
        {"key": "interface.stiffness_Pa_per_m", "values": [-1]},
    ]
    told = problems(planned, folder, axes=axes, seeds=4)
    assert len(told) == 3
    assert "interface.strenth_MPa = 50: unknown key; did you mean strength_MPa?" in told[0]
    assert any(
        "interface.stiffness_Pa_per_m = -1: must be a number in [1e+09, 1e+22]" in line for line in told
    )
    assert any("and 1 more" in line for line in told)
    assert not (folder / "out").exists()


def test_the_file_names_its_base_relative_to_itself(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "sweep.toml").write_text(
        'base = "../base.toml"\n[[cases]]\nname = "x"\nset.network.growth = 0.5\n'
    )
    study = read_study(folder / "deep" / "sweep.toml")
    runs = plan(study, folder / "out")
    assert (study.name, runs[0].config.network.growth, runs[0].config.microstructure.grains) == (
        "sweep",
        0.5,
        9,
    )


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("protocol.steps[2].c_rate=1", "protocol.steps has 2 items"),
        ("protocol.cycles[0]=1", "protocol.cycles is not a list"),
        (
            "microstructure.voids[0].radius_um=1",
            "microstructure.voids is empty; its items must be in the file",
        ),
        ("protocol.steps.c_rate=1", "protocol.steps is not a table"),
        ("protocol.steps[x].c_rate=1", "must look like"),
        ("protocol..cycles=1", "must look like"),
        ("protocol.steps[0]", "must look like section.key=value"),
    ],
)
def test_positions_that_are_not_there(folder, assignment, message):
    (folder / "steps.toml").write_text(
        "[protocol]\ncycles = 1\n[[protocol.steps]]\nkind = 'rest'\nduration_s = 3.0\n"
    )
    name = "base.toml" if "[2]" in assignment else "steps.toml"
    assert message in problems(read_config, folder / name, [assignment])[0]


def test_overrides_reach_into_lists_of_the_file_and_of_the_defaults(folder):
    one = read_config(
        folder / "base.toml", ["protocol.steps[1].until_V=3.15", "geometry.particles[0].radius_um=4.5"]
    )
    assert (one.protocol.steps[1].until, one.protocol.steps[0].until) == (3.15, 4.3)
    assert one.geometry.particles[0].radius == pytest.approx(4.5e-6)
    same = read_config(
        folder / "base.toml", {"protocol.steps[1].until_V": 3.15, "geometry.particles[0].radius_um": 4.5}
    )
    assert resolved_toml(same) == resolved_toml(one)
    value = [{"kind": "rest", "duration_s": 7.0}]
    read_config(folder / "base.toml", {"protocol.steps": value, "protocol.steps[0].duration_s": 9.0})
    assert value == [{"kind": "rest", "duration_s": 7.0}]  # what was handed in is not changed


def test_seeds_that_run_on_all_levels(folder):
    table = {
        "seeds": 3,
        "variants": {"coarse": {"network.spacing_um": 0.95}, "fine": {"network.spacing_um": 0.8}},
        "convergence": {"networks": ["coarse", "fine"], "seeds": [2]},
    }
    found = [(run.level, run.seed) for run in planned(folder, **table)]
    assert found == [("coarse", 2), ("fine", 1), ("fine", 2), ("fine", 3)]
    table["convergence"]["main"] = "coarse"
    assert [(run.level, run.seed) for run in planned(folder, **table)][:3] == [
        ("coarse", i) for i in (1, 2, 3)
    ]
