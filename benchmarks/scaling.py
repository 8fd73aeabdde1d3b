"""Growth of time and memory with the sites: ``python benchmarks/scaling.py --sites 2000 4000 8000``.

Each size runs in a process of its own: the cell of the baseline, charged until its interface parts; the steps
from there are counted. Seconds are wall time. Writes a table and a plot into ``docs/performance``.
"""

import argparse
import json
import resource
import subprocess
import sys

import numpy as np
from matplotlib.figure import Figure

import latticecell as lc
from latticecell.effort import Effort
from latticecell.run import with_threads
from latticecell.stepper import Stepper
from tables import FOLDER, markdown, publish

LINEAR = ("equilibrium setup", "equilibrium solve")
SECONDS = ("network", "setup", "solve", "step")


def sized(sites):
    """Configuration of about so many sites; all spacings shrink together."""
    ratio = 2200 / sites
    spacing = {"spacing_um": 0.85 * ratio**0.383, "spacing_max_um": 3.0 * ratio**0.314}
    return lc.config_from_table({"network": {**spacing, "growth": 0.4 * ratio**0.223}})


def peak():
    """Largest resident memory so far [bytes]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(sites, threads, start, steps):
    """Seconds of network, setup, linear solves and a step, bytes at the peak, and what they were spent on."""
    config, empty, building = with_threads(sized(sites), threads), peak(), Effort()
    with building.phase("network"):
        network = lc.build_network(config, lc.build_microstructure(config))
    meshed = peak()
    with building.phase("setup"):
        stepper = Stepper(config, network)
    state, cursor = stepper.start()
    before, taken, linear = None, 0, []
    for report in stepper.steps(state, cursor):
        if before is not None:
            taken += 1
            linear.append(report.trial.linear)
        elif state.time[0] >= start:
            before = stepper.effort.table()["timings_s"]
        if taken == steps:
            break
    if not taken:
        raise SystemExit(f"the protocol is over before {start} s")
    after = stepper.effort.table()["timings_s"]
    spent = {name: (after[name]["wall"] - before[name]["wall"]) / taken for name in before}
    return {
        "sites": network.n_sites,
        "nodes": network.n_nodes,
        **{name: spent["wall"] for name, spent in building.table()["timings_s"].items()},
        "solve": sum(spent[name] for name in LINEAR),
        "electrochemistry": spent["electrochemistry"],
        "step": sum(spent.values()),
        "linear": float(np.mean(linear)),
        "network bytes": meshed - empty,
        "bytes": peak() - empty,
    }


def slope(found, name):
    """Exponent of the growth with the number of nodes, by least squares."""
    x, y = (np.log([each[key] for each in found]) for key in ("nodes", name))
    return np.polyfit(x, y, 1)[0]


def plot(found, path):
    """Seconds and bytes a node against the number of nodes."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    nodes = np.array([each["nodes"] for each in found])
    for name in SECONDS:
        label = {"solve": "linear solves of a step", "step": "coupled step"}.get(name, name)
        left.loglog(nodes, 1e6 * np.array([each[name] for each in found]) / nodes, "o-", label=label)
    for name, label in (("network bytes", "after the network"), ("bytes", "after the steps")):
        right.semilogx(nodes, np.array([each[name] for each in found]) / nodes / 1e3, "o-", label=label)
    left.set_ylabel("time a node (µs)")
    right.set_ylabel("peak memory a node (kB)")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.set_xlabel("nodes")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, nargs="+", default=[2000, 4000, 8000, 16_000])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=float, default=1200.0, help="time from which steps count [s]")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.one:
        print(json.dumps(measure(wanted.sites[0], wanted.threads, wanted.start, wanted.steps)))
        return
    found = []
    for sites in sorted(wanted.sites):
        given = ["--one", f"--sites={sites}", f"--threads={wanted.threads}", f"--steps={wanted.steps}"]
        command = [sys.executable, __file__, *given, f"--start={wanted.start}"]
        ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(ended.stdout.splitlines()[-1]))
        print(found[-1], file=sys.stderr)
    names = (*SECONDS, "electrochemistry")
    rows = [
        [each["sites"], each["nodes"], *(f"{each[name]:.2f}" for name in names), f"{each['linear']:.0f}",
         *(f"{each[name] / each['nodes'] / 1e3:.1f}" for name in ("network bytes", "bytes"))]
        for each in found
    ]  # fmt: skip
    if len(found) > 1:
        rows.append(["exponent", "", *(f"{slope(found, name):.2f}" for name in names), "", "", ""])
    heads = ["sites", "nodes", "network (s)", "setup (s)", "linear solves of a step (s)", "step (s)",
             "electrochemistry of a step (s)", "linear iterations of a step", "kB a node, network",
             "kB a node, all"]  # fmt: skip
    plot(found, FOLDER / "scaling.svg")
    command = " ".join(["python benchmarks/scaling.py", *sys.argv[1:]])
    publish("scaling", command, markdown(heads, rows), "![growth](scaling.svg)")


if __name__ == "__main__":
    main()
