"""Bonds that tire: curves of life and growth of the models, static limit, endurance, energy, resume."""

from itertools import pairwise

import numpy as np
import pytest

from cells import SMALL
from latticecell.errors import ConfigError
from latticecell.laws import BOND_LAWS, FATIGUE_MODELS, bond_law
from latticecell.laws.bilinear import BilinearLaw
from latticecell.laws.bond import BondParameters
from latticecell.reader import config_from_table
from latticecell.results import open_run
from latticecell.run import Simulation

STRENGTH, TOUGHNESS, STIFFNESS, RESIDUAL = 137e6, 1.1645, 3e17, 1e9
ONSET, FINAL = STRENGTH / STIFFNESS, 2 * TOUGHNESS / STRENGTH
COHESIVE = TOUGHNESS / (np.e * STRENGTH)
NORMAL = np.array([[0.6, 0.0, 0.8]])
SLIDE = np.array([[0.8, 0.0, -0.6]])
ASIDE = np.array([[0.0, 1.0, 0.0]])
GIVEN = {"history": {"fatigue_threshold": 1.0}, "roe_siegmund": {}}

laws = pytest.mark.parametrize("name", BOND_LAWS.names)
models = pytest.mark.parametrize("model", FATIGUE_MODELS.names)


def law(model, name="bilinear", n=1, friction=0.0, **keys):
    given = np.full(n, STRENGTH), np.full(n, TOUGHNESS), STIFFNESS, RESIDUAL
    keys = {**GIVEN.get(model, {}), **keys}
    return bond_law("interface", name, BondParameters(*given, fatigue=model, friction=friction, **keys))


def column(own, history, name):
    return float(history[0, own.columns.index(name)])


def walk(own, corners, history=None, here=None):
    """Histories after straight steps to each of the corners."""
    history = np.zeros((1, len(own.columns))) if history is None else history
    here, found = 0 * NORMAL if here is None else here, []
    for there in corners:
        history = own.respond(there, NORMAL, here, history, 60.0).history_bh
        here = there
        found.append(history)
    return found


def cycled(own, top, cycles, bottom=0.0):
    """Histories after each cycle between two openings along the normal, one step up and one down."""
    return walk(own, [top * NORMAL, bottom * NORMAL] * cycles)[1::2]


def work_of(own, before, after, history):
    """Work of a straight step [J/m2] from tractions alone, on panels that narrow to its beginning."""
    points, weights = np.polynomial.legendre.leggauss(4)
    ends = np.concatenate([[0.0], 2.0 ** np.arange(-30, -9), np.linspace(2**-9, 1, 1500)])
    width = np.diff(ends)
    share = (ends[:-1, None] + 0.5 * width[:, None] * (1 + points)).ravel()
    here = before + share[:, None] * (after - before)
    normal, old, past = (np.repeat(row, len(share), axis=0) for row in (NORMAL, before, history))
    traction = own(len(share)).respond(here, normal, old, past, 60.0).traction_bc
    return float((0.5 * width[:, None] * weights).ravel() @ (traction @ (after - before)[0]))


def test_without_fatigue_the_law_is_the_cohesive_one():
    assert type(law(None)) is BilinearLaw


@laws
@models
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_first_separation_costs_the_toughness(model, name, share):
    """In one step, or in many: what a monotone loading accumulates stays below the threshold."""
    own, far = law(model, name), (30 if name == "exponential" else 3) * FINAL
    way = np.sqrt(1 - share) * NORMAL + np.sqrt(share) * SLIDE
    for sizes in ([far], far * np.linspace(0, 1, 401)[1:] ** 2):
        history = walk(own, [size * way for size in sizes])[-1]
        assert own.dissipated(history)[0] == pytest.approx(TOUGHNESS, rel=1e-6, abs=0)
        assert own.is_broken(history)[0] and own.damage(history)[0] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("ratio", [0.17, 0.3, 0.62, 0.93])
def test_bonds_of_falling_toughness_live_as_long_as_their_curve_says(ratio):
    """Traction from 0 to x strengths: damage begins as the strength sqrt(f) reaches x, see the model."""
    threshold, endurance = 3.5, 0.08
    own = law("history", fatigue_threshold=threshold, fatigue_endurance=endurance)
    life = threshold * (2 / ratio - 1) / (ratio**2 - endurance**2)
    histories = cycled(own, ratio * ONSET, int(life) + 3)
    damaged = [own.is_damaged(history)[0] for history in histories]
    assert np.argmax(damaged) == pytest.approx(np.ceil(life), abs=1)  # one cycle is seen by the next
    # so far the strength has fallen as the model says, and the toughness by the square
    before = histories[int(life) - 1]
    left = 1 - column(own, before, "weakened")
    count = int(life) * (ratio**2 - endurance**2)
    assert left == pytest.approx(min(2 * threshold / (count + threshold), 1.0), rel=1e-9)


def test_what_a_cycle_adds_is_the_square_of_its_amplitude():
    """Growth in a cycle against amplitude, in a double logarithm: a straight line of slope two."""
    amplitudes = np.geomspace(0.02, 0.9, 6)
    rates = []
    for ratio in amplitudes:
        own = law("history", fatigue_threshold=1e6)
        first, second = cycled(own, ratio * ONSET, 2)
        rates.append(column(own, second, "fatigue") - column(own, first, "fatigue"))
    np.testing.assert_allclose(rates, amplitudes**2, rtol=1e-9)


def test_a_bond_of_fallen_toughness_breaks_at_that():
    """A thousand cycles, then torn: peak sqrt(f) strength, loss f G_c."""
    own, ratio, threshold = law("history", fatigue_threshold=40.0), 0.31, 40.0
    history = cycled(own, ratio * ONSET, 1000)[-1]
    strong = 2 * threshold / (1000 * ratio**2 + threshold)
    assert 0.3 < strong < 0.7
    before = own.dissipated(history)[0]
    sizes = FINAL * np.linspace(0, 1.1, 4001)[1:]
    answers = [own.respond(size * NORMAL, NORMAL, 0 * NORMAL, history, 60.0) for size in sizes]
    peak = max(float(np.sum(answer.traction_bc * NORMAL)) for answer in answers)
    assert peak == pytest.approx(strong * STRENGTH, rel=3e-3)
    lost = own.dissipated(answers[-1].history_bh)[0] - before
    assert lost == pytest.approx(strong**2 * TOUGHNESS, rel=1e-6, abs=0)
    assert before == 0.0  # the stiffness has not changed


@pytest.mark.parametrize("endurance", [0.0, 0.25])
def test_cyclic_damage_of_a_stiff_bond_follows_its_power_law(endurance):
    """Bilinear before damage: D grows by d_0 / d_S (x - C)^2 a cycle, a line of slope two over x - C."""
    above = np.geomspace(0.03, 0.7, 6)
    rates = []
    for ratio in endurance + above:
        own = law("roe_siegmund", fatigue_endurance=endurance, fatigue_threshold=1e-3, fatigue_length=7.0)
        last, now = (column(own, h, "cyclic_damage") for h in cycled(own, ratio * ONSET, 12)[-2:])
        rates.append(now - last)
    np.testing.assert_allclose(rates, ONSET / (7.0 * COHESIVE) * above**2, rtol=1e-9)


def test_cyclic_damage_of_an_opened_bond_follows_the_binding_curve():
    """Exponential, opened by half its length: the secant is the line of unloading and of reloading."""
    own, opened, endurance = law("roe_siegmund", "exponential", fatigue_endurance=0.25), 0.5 * COHESIVE, 0.25
    histories = cycled(own, opened, 9)
    ratio = 0.5 * np.exp(0.5)
    wanted = 0.5 / 4.0 * (ratio - endurance) ** 2 / ratio
    rate = [column(own, h, "cyclic_damage") for h in histories]
    # the way of one cycle is the cohesive length, after which it begins
    np.testing.assert_allclose(rate, wanted * np.arange(9), rtol=1e-6, atol=1e-12)
    torn = column(own, histories[-1], "torn")
    assert torn == pytest.approx(wanted * 7.5, rel=0.07)
    answer = own.respond(opened * NORMAL, NORMAL, 0 * NORMAL, histories[-1], 60.0)
    left = 1 - column(own, histories[-1], "cyclic_damage")
    pull = float(np.sum(answer.traction_bc * NORMAL))
    assert pull == pytest.approx(left * ratio * STRENGTH, rel=1e-6)
    assert own.damage(answer.history_bh)[0] == pytest.approx(1 - left * np.exp(-0.5), rel=1e-9)


@models
def test_below_the_endurance_nothing_happens(model):
    own = law(model, "exponential", fatigue_endurance=0.4)
    history = cycled(own, 0.12 * COHESIVE, 500)[-1]  # 0.12 exp(0.88) = 0.29 strengths
    assert column(own, history, own.columns[1]) == 0.0
    assert own.damage(history)[0] == pytest.approx(-np.expm1(-0.12), rel=1e-9)
    above = cycled(law(model, "exponential", fatigue_endurance=0.2), 0.12 * COHESIVE, 500)[-1]
    assert column(own, above, own.columns[1]) > 0.1


def test_a_bond_torn_wholly_is_broken_and_bears_pressure():
    own = law("roe_siegmund", "exponential", fatigue_length=0.3)
    history = cycled(own, 0.8 * COHESIVE, 40)[-1]
    assert own.is_broken(history)[0] and own.damage(history)[0] == 1.0
    answer = own.respond(COHESIVE * NORMAL, NORMAL, 0 * NORMAL, history, 60.0)
    np.testing.assert_allclose(answer.traction_bc, RESIDUAL * COHESIVE * NORMAL, rtol=1e-9)
    pressed = own.respond(-1e-10 * NORMAL, NORMAL, 0 * NORMAL, history, 60.0)
    np.testing.assert_allclose(pressed.traction_bc, -1e-10 * STIFFNESS * NORMAL, rtol=1e-9)


PATH = [
    (2e-9, 0, 0), (0.2e-9, 0, 0), (2e-9, 1e-9, 0), (-2e-10, 1e-9, 0), (1e-9, 0, 1e-9), (2e-9, 0, 1e-9),
    (2e-9, 0, 1e-9), (2.2e-9, 0, 1e-9), (0, 0, 0), (2.1e-9, 0, 1e-9), (-4e-10, 2e-9, 0), (1.9e-9, -1e-9, 0),
    (0.3e-9, -1e-9, 0), (3e-9, 0, -1e-9), (2e-9, 0, 2e-9), (4e-9, 1e-9, 0), (1e-9, 0, 0), (6e-9, 3e-9, 0),
]  # fmt: skip


@laws
@models
@pytest.mark.parametrize("friction", [0.0, 0.4])
def test_energy_closes_in_every_step(model, name, friction):
    """Opened and closed, slid, pressed and opened again, ever weaker: work is what is stored and lost."""
    keys = {"fatigue_threshold": 0.3, "friction": friction}

    def make(n=1):
        return law(model, name, n, **keys)

    own, corners = make(), [n * NORMAL + s * SLIDE + a * ASIDE for n, s, a in [(0, 0, 0), *PATH]]
    history, lost, fell = np.zeros((1, len(own.columns))), [0.0], []
    for before, after in pairwise(corners):
        new = own.respond(after, NORMAL, before, history, 60.0).history_bh
        ends = ((before, history), (after, new))
        kept = [own.stored(at, NORMAL, h)[0] + own.dissipated(h)[0] for at, h in ends]
        work = work_of(make, before, after, history)
        assert work == pytest.approx(kept[1] - kept[0], rel=2e-4, abs=2e-5 * TOUGHNESS)
        history = new
        lost.append(own.dissipated(new)[0])
        fell.append(column(own, new, "torn") + column(own, new, "weakened"))
    assert np.all(np.diff(lost) >= -1e-12 * TOUGHNESS)
    assert np.all(np.diff(fell) >= 0) and 0.1 < fell[-1] < 1.0


@laws
@models
def test_a_bond_that_stays_keeps_its_traction(model, name):
    own, here = law(model, name, fatigue_threshold=0.3), 1.5e-9 * NORMAL
    histories = walk(own, [here, 0.1 * here] * 4 + [here])
    before = own.respond(here, NORMAL, 0.1 * here, histories[-2], 60.0)
    again = own.respond(here, NORMAL, here, histories[-1], 60.0)
    np.testing.assert_allclose(again.history_bh, histories[-1], rtol=1e-14)
    np.testing.assert_allclose(again.traction_bc, before.traction_bc, rtol=1e-12)


@laws
@models
def test_the_tangent_is_the_symmetric_derivative(model, name):
    own, here = law(model, name, fatigue_threshold=0.3), 1.5e-9 * NORMAL
    history = walk(own, [here, 0.1 * here] * 4)[-1]
    for at in (0.7 * here + 4e-10 * ASIDE, 3 * here + 2e-10 * SLIDE, -0.01 * here + 3e-10 * ASIDE):
        tangent = own.respond(at, NORMAL, 0.1 * here, history, 60.0).tangent_bcc[0]
        np.testing.assert_allclose(tangent, tangent.T, atol=1e-9 * STIFFNESS)
        for c in range(3):
            shift = 1e-15 * np.eye(3)[c]
            high, low = (own.respond(at + s * shift, NORMAL, 0.1 * here, history, 60.0) for s in (1, -1))
            slope = (high.traction_bc - low.traction_bc)[0] / 2e-15
            np.testing.assert_allclose(slope, tangent[:, c], rtol=1e-3, atol=1e-5 * STIFFNESS)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"fatigue": "history"}, "interface.fatigue_threshold: is required"),
        ({"fatigue_endurance": 0.3}, "interface.fatigue_endurance: has no meaning without fatigue"),
        ({"fatigue": "histroy"}, "did you mean history"),
        (
            {"fatigue": "history", "fatigue_threshold": 3.0, "fatigue_length": 2.0},
            'interface.fatigue_length: is used only with fatigue = "roe_siegmund"',
        ),
    ],
)
def test_keys_that_do_not_go_together_are_told(section, message):
    with pytest.raises(ConfigError) as caught:
        config_from_table({"interface": section})
    assert any(message in problem for problem in caught.value.problems), caught.value.problems


def test_a_tiring_cell_keeps_its_balances_and_resumes(tmp_path):
    """Two short cycles: cracks go further than without fatigue, energy closes, a resume changes nothing."""
    steps = [
        {"kind": "charge", "c_rate": 2.0, "duration_s": 500.0},
        {"kind": "discharge", "c_rate": 2.0, "duration_s": 400.0},
    ]
    protocol = {"steps": steps, "cycles": 2}
    tired = {"fatigue": "roe_siegmund", "fatigue_length": 0.5, "law": "exponential", "friction": 0.3}
    ends = {}
    for name, keys in (("fresh", {"law": "exponential"}), ("whole", tired)):
        boundary = {**SMALL["grain_boundary"], **keys}
        table = {**SMALL, "name": "tiring", "grain_boundary": boundary, "protocol": protocol}
        config = config_from_table(table)
        for _ in Simulation.start(config, tmp_path / name).advance():
            pass
        history = open_run(tmp_path / name).history
        assert np.abs(history["energy_balance"]).max() < 0.01
        ends[name] = history["gb_broken"][-1]
    assert ends["whole"] > ends["fresh"]
    part = Simulation.start(config, tmp_path / "part")
    advance = part.advance()
    for _ in range(8):
        next(advance)
    advance.close()
    for _ in Simulation.resume(tmp_path / "part").advance():
        pass
    rows = [(tmp_path / name / "history.csv").read_bytes() for name in ("whole", "part")]
    assert rows[0] == rows[1]
