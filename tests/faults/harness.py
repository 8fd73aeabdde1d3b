"""Runs in processes of their own: started, watched, killed, gone on with, and compared bit for bit.

Everything waits for a condition, never for a time, so that a loaded machine only makes it slower.
"""

import json
import os
import subprocess
import sys
from dataclasses import fields as dataclass_fields
from pathlib import Path

import latticecell as latticecell_package
from cells import SMALL
from latticecell import config_from_table, resolved_toml
from latticecell.output import RunDirectory
from latticecell.output.checkpoint import read_checkpoint
from latticecell.state import State
from pausing import PATIENCE_S, paused, start_pausing

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
LATTICECELL = [sys.executable, "-m", "latticecell"]
SHORT = SMALL | {
    "name": "short",
    "protocol": {
        "current_1c_nA": 0.0427,
        "steps": [
            {"kind": "charge", "c_rate": 2.0, "duration_s": 90.0},
            {"kind": "discharge", "c_rate": 2.0, "duration_s": 40.0},
        ],
    },
    "solver": {"dt_initial_s": 5.0, "dt_max_s": 10.0, "viscous_share_max": 1.0},
    "output": {"fields_every": 2, "checkpoint_every": 2},
}
"""About 20 steps on 200 nodes, with snapshots and checkpoints at every other one."""


def input_file(folder: Path, **sections: dict) -> Path:
    """Write the file of the short run into a folder, with sections updated."""
    table = SHORT | {name: {**SHORT.get(name, {}), **values} for name, values in sections.items()}
    path = folder / "short.toml"
    path.write_text(resolved_toml(config_from_table(table)), encoding="utf-8")
    return path


def start(*arguments: str | Path, **options: object) -> subprocess.Popen:
    """Start ``latticecell ARGUMENTS``; what it writes is kept unless the options of `Popen` say otherwise."""
    return subprocess.Popen([*LATTICECELL, *map(str, arguments)], **(PIPES | options))


def finish(process: subprocess.Popen, code: int = 0) -> tuple[str, str]:
    """Wait for the end of a process and return what it wrote; it must end with ``code`` and no traceback."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, (process.returncode, out, err)
    for text in (out or "", err or ""):
        assert "Traceback" not in text and "Exception ignored" not in text, text
    return out, err


def latticecell(*arguments: str | Path, code: int = 0, **options: object) -> tuple[str, str]:
    """Have ``latticecell ARGUMENTS`` done; see `start` and `finish`."""
    return finish(start(*arguments, **options), code)


def drive(*arguments: str | Path) -> dict:
    """Have the driver do something, and return what it tells."""
    here = Path(__file__).parent
    paths = [here, here.parent, Path(latticecell_package.__file__).parents[1]]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, here / "driver.py", *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rows(out: Path) -> int:
    """Number of whole lines of a history, with its header."""
    path = out / "history.csv"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def started(*arguments: str | Path, lines: int = 4, **options: object) -> subprocess.Popen:
    """Start a run and wait until it pauses with so many lines of its history."""
    process = start_pausing(lines, *arguments, **(PIPES | options))
    paused(process)
    return process


def killed(*arguments: str | Path, lines: int = 4) -> None:
    """Start a run and kill it after so many lines of its history."""
    process = started(*arguments, lines=lines)
    process.kill()
    process.communicate()


def status(out: Path) -> str:
    """Status of a run directory."""
    return RunDirectory.open(out).info()["status"]


def assert_same_run(one: Path, other: Path) -> None:
    """History, network, snapshots, and what the checkpoint holds, are the same bits."""
    names = sorted(str(path.relative_to(other)) for path in other.glob("fields/*"))
    assert sorted(str(path.relative_to(one)) for path in one.glob("fields/*")) == names
    for name in ("history.csv", "history.sum", "network.h5", "config.toml", *names):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    (arrays, about, notes), (arrays_2, about_2, _) = read_checkpoint(one), read_checkpoint(other)
    assert not notes
    for field in dataclass_fields(State):
        assert arrays[field.name].tobytes() == arrays_2[field.name].tobytes(), field.name
    for name in ("cursor", "history", "snapshots"):
        assert about[name] == about_2[name], name
    assert status(one) == status(other)
