"""Runs in forked processes with a write layer that kills or fails; told apart from their end by comparison.

``driver.py kill FILE WHOLE COUNT SEED`` kills runs of a file ``COUNT`` times at moments drawn from a seed,
goes on with them, and compares each end with ``WHOLE``. ``driver.py fill BASE WHOLE PERCENT MOST`` goes on
with copies of ``BASE`` with room for 0 to MOST % of a checkpoint, in steps, and then with enough.
Both need the tests on the path of Python; `harness.drive` sees to that.
"""

import errno
import io
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import harness

from latticecell import read_config
from latticecell.errors import OutputError
from latticecell.output import RunDirectory, plots
from latticecell.output.checkpoint import CHECKPOINT, PREVIOUS
from latticecell.output.files import write_file
from latticecell.run import Simulation

DONE, FULL = 0, 4
MOMENTS = ("time", "replace", "fsync", "open", "unlink", "write_bytes", "append")


def forked(action):
    """Do something in a process of its own and return how this ended, as `os.waitstatus_to_exitcode` says."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = action()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def go(file, out, network=None):
    """Go on with a run to its end, or start it."""
    if (out / CHECKPOINT).exists() or (out / PREVIOUS).exists():
        simulation = Simulation.resume(out)
    else:
        simulation = Simulation.start(read_config(file), out, network, force=True)
    for _ in simulation.advance():
        pass
    return DONE


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class Rows(io.FileIO):
    """A history to which rows are appended through a layer of ours."""

    layer = None

    def write(self, data):
        return Rows.layer(super().write, bytes(data))


def through(layer):
    """Put a layer between the package and the contents of its files."""
    write_bytes, open_ = pathlib.Path.write_bytes, pathlib.Path.open
    Rows.layer = staticmethod(layer)
    pathlib.Path.write_bytes = lambda self, data: layer(lambda part: write_bytes(self, part), data)
    pathlib.Path.open = lambda self, mode="r", *args, **options: (
        Rows(self, "ab") if mode == "ab" else open_(self, mode, *args, **options)
    )


def arm(moment, draw):
    """Have this process killed at a moment drawn at random."""
    if moment == "time":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(0.001, 1.0))
        return
    left, before = draw.randint(1, draw.choice((4, 12, 36))), draw.random() < 0.5

    def due():
        nonlocal left
        left -= 1
        return left == 0

    if moment in ("write_bytes", "append"):
        share = draw.random()

        def layer(write, data):
            if due():
                write(data[: int(share * len(data))])
                die()
            return write(data)

        through(layer)
        return
    call = getattr(os, moment)

    def called(*args, **options):
        now = due()
        if now and before:
            die()
        result = call(*args, **options)
        if now:
            die()
        return result

    setattr(os, moment, called)


def without_pictures():
    """Write something in place of the plot of a run, which takes long to draw."""
    plots.summary = lambda history, path, name: write_file(path, "a picture" * 90)


def kill(file, whole, count, seed):
    """Kill runs so many times; each goes on until it is at its end."""
    draw, kills, runs = random.Random(seed), dict.fromkeys(MOMENTS, 0), 0
    network = RunDirectory.open(whole).network()
    without_pictures()
    with tempfile.TemporaryDirectory() as folder:
        while sum(kills.values()) < count:
            out, code = Path(folder) / str(runs), -signal.SIGKILL
            while code != DONE:
                moment = draw.choice(MOMENTS)
                chosen = random.Random(draw.random())

                def action(moment=moment, chosen=chosen, out=out):
                    arm(moment, chosen)
                    return go(file, out, network)

                code = forked(action)
                assert code in (DONE, -signal.SIGKILL, -signal.SIGALRM), code
                kills[moment] += code != DONE
            harness.assert_same_run(out, whole)
            assert not list(out.rglob("*.part"))
            shutil.rmtree(out)
            runs += 1
    return {"kills": kills, "runs": runs, "lost": 0}


def fill(base, whole, percent, most):
    """Go on with a run on a disk that has room for so many bytes."""
    size, full, same = (base / CHECKPOINT).stat().st_size, 0, 0
    without_pictures()
    with tempfile.TemporaryDirectory() as folder:
        for share in range(0, most + 1, percent):
            out = Path(folder) / str(share)
            shutil.copytree(base, out)

            def action(out=out, room=share * size // 100):
                left = room

                def layer(write, data):
                    nonlocal left
                    part = data[:left]
                    left -= len(part)
                    if part or not data:
                        return write(part) if len(part) == len(data) else _short(write, part)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

                through(layer)
                try:
                    return go(None, out)
                except OutputError as error:
                    return FULL if str(error).endswith(os.strerror(errno.ENOSPC)) else 98

            code = forked(action)
            assert code in (DONE, FULL), (share, code)
            full += code == FULL
            assert forked(lambda out=out: go(None, out)) == DONE
            harness.assert_same_run(out, whole)
            same += 1
            shutil.rmtree(out)
    return {"full": full, "same": same}


def _short(write, part):
    """Write a part only, as a disk does that fills."""
    write(part)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


if __name__ == "__main__":
    what, one, other, *numbers = sys.argv[1:]
    told = {"kill": kill, "fill": fill}[what](Path(one), Path(other), *map(int, numbers))
    print(json.dumps(told))
