"""Whole runs of the files in ``inputs``, each in a process of its own: ``python benchmarks/cycles.py``.

Wall time is that of the command, start of Python included; seconds by phase are those that the run has
written.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import latticecell as lc
from latticecell.effort import shares
from tables import ROOT, markdown, publish

INPUTS = ("quickstart", "baseline", "cracking")
COUNTS = ("steps", "rejected", "mechanics_newton", "mechanics_linear", "electrochemistry_newton",
          "electrochemistry_linear")  # fmt: skip


def cycle(name, folder, threads=None, settings=()):
    """Run a file of ``inputs`` and return the content of ``run.json``, with wall and CPU time of it all."""
    out = Path(folder) / f"{name}-{threads}"
    command = [sys.executable, "-m", "latticecell", "run", str(ROOT / "inputs" / f"{name}.toml")]
    command += ["-o", str(out), *(["-j", str(threads)] if threads else [])]
    command += [part for setting in settings for part in ("--set", setting)]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - begin
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**lc.open_run(out).info, "wall": wall, "cpu": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(INPUTS), help="files in inputs")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--set", action="append", default=[], dest="settings", help="override a key")
    wanted = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted.names:
            for threads in wanted.threads:
                found.append((name, cycle(name, folder, threads, wanted.settings)))
    whole = [
        [name, info["network"]["sites"], info["network"]["nodes"], info["threads"], f"{info['wall']:.1f}",
         f"{info['cpu']:.1f}", f"{info['peak_memory_MB']:.0f}"]
        for name, info in found
    ]  # fmt: skip
    phases = [phase for phase, *_ in shares(found[0][1])]
    walls = [{phase: wall for phase, wall, *_ in shares(info)} for _, info in found]
    by_phase = [
        [name, info["threads"], *(f"{wall[phase]:.1f}" for phase in phases)]
        for (name, info), wall in zip(found, walls, strict=True)
    ]
    counts = [[name, info["threads"], *(info["counts"].get(c, 0) for c in COUNTS)] for name, info in found]
    publish(
        "cycles",
        "python " + " ".join(["benchmarks/cycles.py", *sys.argv[1:]]),
        markdown(["input", "sites", "nodes", "threads", "wall (s)", "CPU (s)", "peak (MB)"], whole),
        "Wall time by phase (s):",
        markdown(["input", "threads", *phases], by_phase),
        "Steps and iterations:",
        markdown(["input", "threads", *(name.replace("_", " ") for name in COUNTS)], counts),
    )


if __name__ == "__main__":
    main()
