"""How the page of targets writes numbers, and what panels refuse."""

import pytest

from latticecell.study import targets_page


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (3042.3, 18.4, "3042 ± 18"),
        (0.66912, 0.0493, "0.669 ± 0.049"),
        (-0.0253, 0.0012, "-0.0253 ± 0.0012"),
        (31042.3, 1840.0, "31000 ± 1800"),
        (14.26345, None, "14.26"),
        (14.26345, 0.0, "14.26"),
        (None, None, "–"),
    ],
)
def test_values_show_the_digits_of_their_spread(value, spread, text):
    assert targets_page.measured(value, spread).replace("\u00a0", " ") == text


def test_differences_are_percents_or_factors():
    shown = [targets_page.percent(d).replace("\u00a0", " ") for d in (0.0412, -0.25, 15.4, None)]
    assert shown == ["+4.1 %", "−25.0 %", "× 16", "–"]


def test_keys_of_nested_tables_are_dotted_paths():
    table = {"a": {"b": [{"c": 1}, {"c": [2, 3]}]}}
    assert targets_page.numbered(table) == {"a.b[1].c": 1, "a.b[2].c": [2, 3]}
