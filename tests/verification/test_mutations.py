"""Tests notice mistakes: each of ``tests/mutations.toml`` makes one of those named with it fail."""

import pytest

from mutations import copy, mutations, passes, survives

ALL = mutations()
pytestmark = pytest.mark.slow


def test_there_are_many_and_each_is_of_a_line_that_stands():
    assert len(ALL) >= 40
    assert len({str(each) for each in ALL}) == len(ALL)
    for each in ALL:
        assert each.text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of sources and tests that pass."""
    place = tmp_path_factory.mktemp("mutated")
    copy(place)
    assert passes(place, sorted({test for each in ALL for test in each.tests}))
    return place


@pytest.mark.parametrize("mutation", ALL, ids=[f"{each.file}-{k}" for k, each in enumerate(ALL)])
def test_a_mistake_is_noticed(folder, mutation):
    assert not survives(folder, mutation)
