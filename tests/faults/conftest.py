import harness
import pytest


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """Directory of the short run, uninterrupted."""
    folder = tmp_path_factory.mktemp("whole")
    harness.latticecell("run", harness.input_file(folder), "-o", folder / "run")
    return folder / "run"
