"""Fields are declared once: the state's arrays, their shapes and names follow."""

from dataclasses import fields as dataclass_fields

from latticecell import State
from latticecell.fields import Field, declarations
from networks import box_network


def test_every_array_of_the_state_is_declared_with_a_sentence():
    declared = declarations(State)
    assert list(declared) == [field.name for field in dataclass_fields(State)]
    for name, field in declared.items():
        assert field.meaning.endswith("."), name


def test_location_agrees_with_the_axes_of_the_name():
    axes = {"n": "node", "nc": "node", "b": "bond", "bh": "bond", "t": "tet"}
    for name, field in declarations(State).items():
        assert field.location == axes.get(name.rpartition("_")[2], "cell"), name


def test_written_names_carry_the_unit_and_are_distinct():
    written = [field.stored for field in declarations(State).values() if field.key]
    assert len(set(written)) == len(written)
    assert {"stoichiometry", "phi_l_V", "displacement_um", "gap_nm", "current_A_per_m2"} <= set(written)


def test_a_declaration_survives_as_plain_values():
    field = Field("stress", "tet", "GPa", 1e-9, (6,), "everywhere", "Stress.", diverging=True)
    assert Field.of_table({**field.table(), "shape": [6]}) == field


def test_shapes_follow_from_the_location():
    network = box_network()
    state = State.zeros(network)
    assert state.u_nc.shape == (network.n_nodes, 3)
    assert state.gap_b.shape == (network.n_bonds,)
    assert state.strain_c.shape == (2,)
    assert state.passed.shape == (6,)


def test_unit_of_pictures_may_differ_from_that_of_files():
    strain = Field("strain", "tet", "permille", 1e3, title="swelling", shown_unit="%", shown_factor=100.0)
    assert strain.stored == "strain_permille"
    assert (strain.shown.label, strain.shown.factor) == ("swelling (%)", 100.0)
    salt = Field("salt", "node", "mol_per_m3")
    assert salt.shown is salt
    assert salt.label == "salt (mol/m3)"
    assert Field("damage", "bond").label == "damage (1)"
