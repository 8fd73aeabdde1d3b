"""The reproduction of Yuan, Lu and Xu: cases, measures, trends and verdicts of studies/yuan2023."""

import csv
from pathlib import Path

import numpy as np
import pytest

from caseruns import fake, together
from latticecell import ConfigError
from latticecell.study import MEASURES, TRENDS, read_study
from latticecell.study.measures import measure_of
from latticecell.study.plan import cases_of, plan, run_hash
from latticecell.study.targets import figure_of, read_reasons, read_targets
from latticecell.study.verdicts import table, worst, write_verdicts

FOLDER = Path(__file__).parents[2] / "studies" / "yuan2023"
INPUTS = FOLDER / "inputs"
SPEC = read_study(FOLDER / "study.toml")
TARGETS = read_targets(FOLDER / SPEC.targets)
REASONS = read_reasons(FOLDER / SPEC.reasons, TARGETS)
CASES = [case.name for case in cases_of(SPEC) if not case.extra]
STRENGTHS = ("strength_50MPa", "baseline", "strength_200MPa", "strength_500MPa")


def target(name):
    return next(t for t in TARGETS.targets if t.id == name)


def test_every_result_of_the_paper_has_a_measure_or_a_rule(code):
    assert len(TARGETS.targets) == 221
    assert len(TARGETS.results) == 120
    declared = {trend.target for trend in TARGETS.trends}
    assert not declared & set(TRENDS.names)
    for t in TARGETS.results:
        if t.kind == "trend":
            assert (t.id in TARGETS.undecided) != (t.id in declared or t.id in TRENDS), t.id
        else:
            measure_of(t.quantity, t.event, TARGETS.suffix(t), TARGETS.measures)
        if t.second and t.kind == "trend":
            assert t.second in TRENDS and t.second != t.id
        elif t.second:
            measure_of(t.second, t.event, TARGETS.suffix(t), TARGETS.measures)
    ids = {t.id for t in TARGETS.targets}
    assert ids | {t.second for t in TARGETS.results} >= set(code.trends.RULES)
    repeated = {t.left_out.removeprefix("repeats ") for t in TARGETS.left_out if "repeats" in t.left_out}
    assert repeated <= {t.id for t in TARGETS.results}
    assert all(t.left_out.startswith(("repeats ", "cannot fail: ")) for t in TARGETS.left_out)
    assert ids >= set(REASONS)


def test_every_case_has_an_input_and_changes_what_it_says():
    jobs = {run.case.name: run.config for run in plan(SPEC, Path("out"), variant="coarse")}
    base = jobs["baseline"]
    assert list(jobs) == CASES
    assert len(CASES) == 18
    assert sorted(path.stem for path in INPUTS.glob("*.toml")) == sorted(jobs)
    assert jobs["strength_200MPa"].interface.strength == 200e6
    assert jobs["strength_200MPa"].interface.fracture_energy == 2.0
    for name in STRENGTHS:
        law = jobs[name].interface
        assert 2 * law.fracture_energy / law.strength == pytest.approx(20e-9, abs=0)
        assert law.shear_strength is None  # as printed: the same in opening and sliding
        ratio = base.interface.shear_fracture_energy / base.interface.fracture_energy
        assert law.shear_fracture_energy == pytest.approx(ratio * law.fracture_energy)
    assert [step.c_rate for step in jobs["rate_0.1C"].protocol.steps] == [0.1, 0.1]
    ratios = {name: config.materials.active.expansion_ratio for name, config in jobs.items()}
    amplitude = ratios["baseline"][0]
    for name, theta33 in {"baseline": -1.0, "het_Case2": -1.0, "het_Case3": -0.5, "het_Case4": 0.0}.items():
        assert ratios[name] == pytest.approx((amplitude, amplitude, theta33 * amplitude), abs=1e-12), name
    assert jobs["het_Case4"].materials.active.diffusivity == (1e-14, 1e-14, 1e-14)
    assert jobs["pressure_15MPa"].mechanics.pressure == 15e6
    first, second = jobs["position"].geometry.particles
    assert first.center[2] - second.center[2] == pytest.approx(12e-6, abs=0)
    assert jobs["position"].protocol.current_1c == pytest.approx(2 * base.protocol.current_1c, abs=0)
    tuned = ("stress_diffusion", "partial_molar_volume", "strain_frozen_below")
    for name, config in jobs.items():  # one set of the unknowns for all cases
        for field in tuned:
            assert getattr(config.materials.active, field) == getattr(base.materials.active, field), name
        assert config.kinetics == base.kinetics, name
        if name != "liquid":
            assert config.materials.ecbd == base.materials.ecbd, name
            assert config.interface.resistance == base.interface.resistance, name


def test_runs_are_named_after_their_configuration(tmp_path):
    one, again, finer = (
        plan(SPEC, tmp_path, variant=variant, seeds=2, names=["baseline"])
        for variant in ("coarse", "coarse", "medium")
    )
    assert [run.path for run in one] == [run.path for run in again]
    assert len({run.path for run in [*one, *finer]}) == 4
    assert one[0].path.name == f"baseline-seed1-{run_hash(one[0].config, '3d')}"
    assert {run.config.microstructure.seed for run in one} == {1, 2}


def test_measures_do_not_name_runs(tmp_path, code):
    """A changed measure must not make every simulation a new one."""
    names = [run.path.name for run in plan(SPEC, tmp_path, names=["baseline", "rate_2C"])]
    registered = [(name, MEASURES[name]) for name in MEASURES.names]
    for name, _ in registered:
        MEASURES.remove(name)
    assert [run.path.name for run in plan(SPEC, tmp_path, names=["baseline", "rate_2C"])] == names
    for name, measure in registered:
        MEASURES.register(name, measure)


def test_convergence_levels_and_1d_cells_run_once():
    jobs = plan(SPEC, Path("out"), variant="medium", seeds=3, names=["convergence", "1D_0.1C"])
    assert len(jobs) == 7 + 1
    spacing = {run.case.name: run.config.network.spacing * 1e6 for run in jobs}
    widths = {
        name: table["network.spacing_um"]
        for name, table in SPEC.variants.items()
        if "network.spacing_um" in table
    }
    assert list(widths.values()) == [0.85, 0.68, 0.52, 0.365]
    for name in ("coarse", "medium", "fine"):
        assert spacing[f"mesh_{name}"] == pytest.approx(widths[name])
    assert spacing["dt_15"] == pytest.approx(widths["coarse"])
    tried = {run.case.name: run for run in plan(SPEC, Path("out"), seeds=2, names=["experiments"])}
    assert len(tried) == 49 == len({run.path for run in tried.values()})
    assert tried["try_chosen"].config.network.spacing * 1e6 == pytest.approx(widths["coarse"])
    assert all(run.case.extra for run in tried.values())
    path = {run.case.name: run.path.name[-12:] for run in jobs}
    (baseline,) = plan(SPEC, Path("out"), variant="medium", names=["baseline"])
    assert path["mesh_medium"] == baseline.path.name[-12:]
    assert path["mesh_coarse"] == path["dt_150"] != path["dt_60"]
    steps = {run.case.name: run.config.solver for run in jobs}
    for dt in (150, 60, 30, 15):
        solver = steps[f"dt_{dt}"]
        assert (solver.dt_max, solver.dt_initial) == (dt, min(dt / 12, 5.0))


def test_names_of_cases_and_figures():
    def chosen(*names):
        return [run.case.name for run in plan(SPEC, Path("out"), variant="fine", names=names)]

    assert chosen("fig3") == ["rate_0.1C", "rate_0.5C", "rate_2C"]
    assert len(chosen("figS4", "baseline")) == 4
    with pytest.raises(ConfigError, match="--cases fig99: unknown"):
        chosen("fig99")
    with pytest.raises(ConfigError, match=r"did you mean rate_2C\?"):
        chosen("rate_2")


# measures


def test_onset_is_where_the_gap_reaches_the_marker_and_the_tangent_points_back(code):
    # a gap that is zero up to 2000 s and then rises along a straight line
    run = fake(gap_mean_nm=[0, 0, 0, 12, 1], gap_max_nm=[0, 0, 0, 30, 1])
    assert code.measures.onset_time(run) == pytest.approx(2025.0)  # 0.3 of 12 nm
    assert code.measures.tangent_onset(run) == pytest.approx(2000.0)
    begin, end = code.measures.plateau(run)
    assert begin == pytest.approx(2950.0)
    assert end == pytest.approx(3000 + 2900 * 0.6 / 11)


@pytest.mark.parametrize(("before", "holds"), [(2.38, True), (2.0, False)])
def test_extremes_level_off_before_the_end_of_charging(code, before, holds):
    """From 2700 to 3000 s the stress changes by 0.3 of its last step: 0.25 or 5 % of its range."""
    run = fake(von_mises_max_GPa=[0, 1, before, 2.4, 0.1], volumetric_strain_min=[0, -1, -2, -2, -0.1])
    assert code.trends.levels_off(run)[0] is holds


def test_numbers_are_in_the_units_of_the_paper():
    run = fake(lithium_mol=np.array([24.6, 18, 11, 3.3, 22.9]) * 1e-12, gap_mean_nm=[0, 1, 2, 14, 0.4])
    runs = together(run)
    expected = {
        "baseline_1c_t_charge_charge_end": 3000.0,
        "baseline_1c_t_discharge_discharge_duration": 2900.0,
        "baseline_1c_coulombic_efficiency_time_cycle": 100 * 29 / 30,
        "all_m_li_t_0": 24.6,
        "rate_1c_m_li_charge_end": 3.3,
        "het_case1_delta_m_li_discharge_end": 1.7,
        "baseline_1c_d_g_ave_t_2200s": 2 + 0.2 * 12,
        "strength_100mpa_d_g_ave_charge_peak": 14.0,
    }
    for name, value in expected.items():
        assert TARGETS.numbers(target(name), runs) == [pytest.approx(value)], name


def test_the_particles_are_told_apart():
    run = fake("position", gap_max_nm_p1=[0, 1, 5, 27, 1], gap_max_nm_p2=[0, 1, 5, 26, 1])
    runs = together(run)
    assert TARGETS.numbers(target("position_p1_d_g_max_charge_peak"), runs) == [27.0]
    assert TARGETS.numbers(target("position_p2_d_g_max_charge_peak"), runs) == [26.0]


# trends


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("baseline_1c_sigma_mises_max_charge", [0, 1, 2, 3, 1], [0, 1, 0.5, 3, 1]),
        ("baseline_1c_particle_volume_charge", [0, -1, -2, -3, -1], [0, -1, -3, -2.5, -1]),
    ],
)
def test_monotone_curves(code, name, good, bad):
    column = {"baseline_1c_sigma_mises_max_charge": "von_mises_max_GPa"}.get(name, "volumetric_strain_mean")
    for values, holds in ((good, True), (bad, False)):
        assert TARGETS.rule(target(name))(together(fake(**{column: values}))).holds is holds


# table


def lithium(first, last):
    return np.array([24.659, 18, 11, first, last]) * 1e-12


def complete(first=3.203, last=23.647, stress=2.64):
    return fake(
        lithium_mol=lithium(first, last), gap_mean_nm=[0, 0, 0.3, 14.3, 0.255], gap_max_nm=[0, 0, 6, 55, 0.9],
        von_mises_max_GPa=[0, 1, 2, stress, 0.166], volumetric_strain_min=[0, -0.01, -0.02, -0.0253, -0.003],
    )  # fmt: skip


def rows_of(run, names):
    rows = table(TARGETS, together(run), REASONS)
    return {row.target.id: row for row in rows if row.target.id in names}


@pytest.mark.parametrize(
    ("factor", "verdicts"),
    [(1.0, ("within", "within")), (1.015, ("within", "outside")), (1.025, ("outside", "outside"))],
)
def test_tolerances_follow_the_class(factor, verdicts):
    names = ("rate_1c_m_li_charge_end", "rate_1c_m_li_discharge_end")  # 2 % and 1 %
    rows = rows_of(complete(3.203 * factor, 23.647 * factor), names)
    assert tuple(rows[name].verdict for name in names) == verdicts
    assert rows[names[0]].difference == pytest.approx(factor - 1)


def test_statistical_numbers_need_the_order_of_magnitude():
    name = "baseline_1c_sigma_mises_max_charge_end"
    assert rows_of(complete(), [name])[name].verdict == "within"
    assert rows_of(complete(stress=2.64 * 3.3), [name])[name].verdict == "outside"


def test_what_was_not_run_says_so_and_bounds_are_one_sided():
    rows = rows_of(complete(), ["rate_2c_m_li_charge_end", "baseline_1c_d_g_max_lower_bound_charge_end"])
    assert rows["rate_2c_m_li_charge_end"].verdict == "not run"
    assert rows["baseline_1c_d_g_max_lower_bound_charge_end"].verdict == "within"  # 55 is more than 50


def test_csv_and_the_worst_rows(tmp_path):
    names = ["rate_1c_m_li_charge_end", "baseline_1c_d_g_ave_charge_end", "rate_2c_m_li_charge_end"]
    rows = list(rows_of(complete(first=6.4), names).values())
    assert [row.target.id for row in worst(rows, 1)] == ["rate_1c_m_li_charge_end"]
    write_verdicts(tmp_path / "targets.csv", rows)
    lines = list(csv.DictReader((tmp_path / "targets.csv").read_text().splitlines()))
    told = {line["id"]: (line["ours"], line["verdict"]) for line in lines}
    assert told["rate_1c_m_li_charge_end"] == ("6.4", "outside")
    assert told["rate_2c_m_li_charge_end"] == ("", "not run")


def test_figures_of_panels():
    names = {t.figure: figure_of(t) for t in TARGETS.targets}
    assert names["Fig 2A"] == names["Fig 2E-G"] == "Fig 2"
    assert names["Fig S7A-B"] == "Fig S7"
    assert names["Abstract"] == names["text/3.3"] == "Text"


def test_reasons_go_to_what_is_missed():
    rows = rows_of(complete(), ["strength_200mpa_d_g_ave_charge_peak", "rate_1c_m_li_charge_end"])
    assert rows["rate_1c_m_li_charge_end"].reason == ""
    run = fake("strength_200MPa", gap_mean_nm=[0, 0, 1, 14, 0.2])
    (row,) = [r for r in table(TARGETS, together(run), REASONS) if r.missed]
    assert row.target.id == "strength_200mpa_d_g_ave_charge_peak"
    assert "the opening spreads" in row.reason
