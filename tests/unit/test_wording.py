"""Steps as sentences: what they mean, the way back, and what is refused."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latticecell import ConfigError, config_from_table, read_config, resolved_toml
from latticecell.config import Protocol
from latticecell.reader import checked
from latticecell.wording import SHAPE, UNITS, WordingError, keys_of, sentence

MEANT = {
    "Charge at C/10 until 4.3 V": {"kind": "charge", "c_rate": 0.1, "until_V": 4.3},
    "Charge at 1C until 4300 mV": {"kind": "charge", "c_rate": 1.0, "until_V": 4.3},
    "discharge at 1c for 30 minutes or until 3.0 v": {
        "kind": "discharge", "c_rate": 1.0, "duration_s": 1800.0, "until_V": 3.0,
    },
    "Discharge at 2.5C for 0.5 hours or until 3.3V": {
        "kind": "discharge", "c_rate": 2.5, "duration_s": 1800.0, "until_V": 3.3,
    },
    "Hold at 4.3 V until C/20": {"kind": "hold", "voltage_V": 4.3, "until_c_rate": 0.05},
    "Hold at 4.1 V until 50 mA": {"kind": "hold", "voltage_V": 4.1, "until_current_nA": 5e7},
    "Hold until 0.01 mA/cm2 or for 2 h": {
        "kind": "hold", "until_current_density_mA_per_cm2": 0.01, "duration_s": 7200.0,
    },
    "Rest for 1 hour": {"kind": "rest", "duration_s": 3600.0},
    "Rest for 90 s or until below 4.1 V": {"kind": "rest", "duration_s": 90.0, "until_below_V": 4.1},
    "Charge at 0.3 nA until 4.2 V or 0.1 nAh": {
        "kind": "charge", "current_nA": 0.3, "until_V": 4.2, "until_capacity_nAh": 0.1,
    },
    "Charge at 3 A/m2 until 0.7 Ah/m2": {
        "kind": "charge", "current_density_mA_per_cm2": 0.3, "until_areal_capacity_mAh_per_cm2": 0.07,
    },
    "Discharge at 2 uW until 3 V or until C/50": {
        "kind": "discharge", "power_nW": 2000.0, "until_V": 3.0, "until_c_rate": 0.02,
    },
    "Discharge at 1.5 mW/cm^2 for 2 days": {
        "kind": "discharge", "power_density_mW_per_cm2": 1.5, "duration_s": 172800.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("text", MEANT)
def test_a_sentence_is_a_table(text):
    assert keys_of(text) == MEANT[text]
    assert keys_of(f"  {text.replace(' ', '   ')} ") == MEANT[text]


@pytest.mark.parametrize("text", MEANT)
def test_the_way_back_gives_the_same_step(text):
    there = checked(Protocol, {"steps": [keys_of(text)]})[0].steps[0]
    back = checked(Protocol, {"steps": [keys_of(sentence(there))]})[0].steps[0]
    assert back == there


NUMBERS = st.floats(1e-3, 900.0)
RATES = st.one_of(
    st.tuples(st.just("c_rate"), NUMBERS), st.tuples(st.just("current_nA"), NUMBERS),
    st.tuples(st.just("current_density_mA_per_cm2"), NUMBERS), st.tuples(st.just("power_nW"), NUMBERS),
    st.tuples(st.just("power_density_mW_per_cm2"), NUMBERS),
)  # fmt: skip
ENDS = st.dictionaries(
    st.sampled_from([
        "until_V", "until_above_V", "until_below_V", "until_capacity_nAh", "until_areal_capacity_mAh_per_cm2",
        "duration_s", "until_c_rate", "until_current_nA", "until_current_density_mA_per_cm2",
    ]),
    st.floats(1e-3, 9.9),
    min_size=1,
)  # fmt: skip


@given(RATES, ENDS)
def test_any_step_has_its_sentence(rate, ends):
    table = {"kind": "charge", rate[0]: rate[1], **ends}
    step = checked(Protocol, {"steps": [table]})[0].steps[0]
    assert checked(Protocol, {"steps": [keys_of(sentence(step))]})[0].steps[0] == step


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Charg at 1C until 4 V", 'must read like "Charge at C/10 until 4.3 V"'),
        ("Charge until 4 V", '"at" is missing, and a C-rate (C/10, 0.5C) or a current'),
        ("Charge at 4.3 V until 5 V", "'4.3 V': must be a C-rate"),
        ("Charge at 1 pA for 1 s", "'1 pA': must be a C-rate (C/10, 0.5C) or a current (nA, uA, mA, A,"),
        ("Charge at C/0 for 1 s", "'C/0': must be a C-rate"),
        ("Charge at 1C for 1 V", "'1 V': must be a time (seconds, minutes, hours)"),
        ("Charge at 1C until 1 s", "'1 s': must be a voltage (V, mV) or a C-rate"),
        ("Charge at 1C until above C/3", "'C/3': must be a voltage"),
        ("Hold at 4 V until 3 V", "'3 V': must be a C-rate"),
        ("Hold at C/3 until 3 mA", "'C/3': must be a voltage (V, mV)"),
        ("Rest at 3 V for 1 s", '"at 3 V" has no meaning in a rest'),
        ("Rest for 1 h or until 4 V", 'must say "until above" or "until below" a voltage'),
        ("Discharge at 2C for 1 h (1 minute period)", "'1 h (1 minute period)': must be a time"),
        ("Charge at 1C until 4 V or 4.1 V", "'4.1 V': there is 4 before it as until_V"),
        ("Charge at " + "9" * 400 + "e99999999999 A for 1 s", "must be a C-rate"),
    ],
)
def test_what_is_not_understood_is_named_with_what_is_allowed(text, said):
    with pytest.raises(ConfigError) as error:
        config_from_table({"protocol": {"steps": ["Rest for 1 s", text]}})
    (problem,) = error.value.problems
    assert problem.startswith("protocol.steps[1] = ") and said in problem


def test_the_range_of_a_value_is_that_of_its_key():
    with pytest.raises(ConfigError) as error:
        config_from_table({"protocol": {"steps": ["Charge at 0C for 1 s", "Rest for 0 s"]}})
    assert [problem.partition(":")[0] for problem in error.value.problems] == [
        "protocol.steps[0].c_rate = 0.0", "protocol.steps[1].duration_s = 0.0",
    ]  # fmt: skip


def test_a_step_without_an_end_is_refused_as_a_table_is():
    with pytest.raises(ConfigError, match=r"steps\[0\] \(charge\): needs until_V or duration_s"):
        config_from_table({"protocol": {"steps": ["Charge at 1C"]}})
    with pytest.raises(ConfigError, match=r"steps\[0\] \(hold\): needs a cut-off"):
        config_from_table({"protocol": {"steps": ["Hold at 4 V"]}})


def test_files_mix_sentences_and_tables_and_their_keys_can_be_set(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(
        'protocol.steps = ["Charge at 1C until 4.3 V", {kind = "rest", duration_s = 60.0}, '
        '{kind = "repeat", count = 2, steps = ["Discharge at C/5 for 10 minutes", "Rest for 1 minute"]}]\n'
    )
    config = read_config(
        file, ["protocol.steps[0].c_rate=0.5", "protocol.steps[2].steps[1]=Rest for 2 minutes"]
    )
    steps = config.protocol.steps
    assert [step.kind for step in steps] == ["charge", "rest", "repeat"]
    assert steps[0].c_rate == 0.5 and steps[0].until == 4.3
    assert [step.duration for step in steps[2].steps] == [600.0, 120.0]
    (tmp_path / "b.toml").write_text(resolved_toml(config))
    assert read_config(tmp_path / "b.toml") == config


@given(st.text(max_size=40))
def test_any_text_is_a_step_or_refused(text):
    for sentence_ in (text, f"Charge at {text}", f"Rest for {text}", f"Charge at C until {text}"):
        try:
            assert keys_of(sentence_)["kind"] in ("charge", "rest", "discharge", "hold")
        except WordingError as error:
            assert str(error)


def test_every_unit_is_read():
    assert SHAPE.fullmatch("Hold at 4 V until 3 A") and len(UNITS) > 40
    for name, unit in UNITS.items():
        word = {"time": "for", "voltage": "until", "capacity": "until"}.get(unit.what)
        text = f"Charge at 1C {word} 2 {name}" if word else f"Charge at 2 {name} for 1 s"
        (value,) = [v for k, v in keys_of(text).items() if k not in ("kind", "c_rate", "duration_s")] or [
            keys_of(text)["duration_s"]
        ]
        assert value == pytest.approx(2 * float(unit.factor), rel=1e-15)


PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_examples_and_sentences_of_the_page_are_valid(tmp_path):
    text = PAGE.read_text()
    (tmp_path / "drive_cycle.csv").write_text("time_s,current_A\n0,1.5\n1,-0.5\n2,0\n")
    blocks = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        (tmp_path / "a.toml").write_text(block)
        read_config(tmp_path / "a.toml")
    ends = re.findall(r"`((?:until|for) [^`]+)`", text)
    assert len(ends) >= 8
    for end in ends:
        kind = "Charge at 1C" if re.search(r"V|nAh|mAh|minutes", end) else "Hold"
        for one in re.split(r", (?=until)", end):
            assert keys_of(f"{kind} {one}")
