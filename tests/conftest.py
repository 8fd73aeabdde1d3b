import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Networks are cached, but not among those of the user; processes that tests start follow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATTICECELL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def named_law():
    """Register a law while the tests of a module last: ``named_law(OCV_LAWS, "own", factory)``."""
    given = []

    def give(registry, name, factory):
        registry.register(name, factory)
        given.append((registry, name))

    yield give
    for registry, name in given:
        registry.remove(name)
