"""Runs what a study still lacks, several runs side by side, and can be interrupted and continued.

Each run is a process of the ordinary command line, so it stops after its step on Ctrl-C, leaves a checkpoint,
and is resumed by the next call.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from latticecell.output.fields import replacing
from latticecell.output.rundir import CHECKPOINT
from latticecell.paper.cases import Job
from latticecell.reader import resolved_toml

POLL_S = 0.5
GRACE_S = 120.0
"""How long an interrupted run may take to finish its step [s]."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: exit code of its process, and the last line that it said on standard error."""

    job: Job
    code: int
    message: str


@dataclass(slots=True)
class _Running:
    job: Job
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    began: float


def run_missing(jobs: Sequence[Job], workers: int, say: Say) -> list[Outcome]:
    """Run every job that is not done, at most ``workers`` at once; return those that failed.

    A run that was interrupted goes on from its checkpoint; one that failed is tried again from there.

    Parameters
    ----------
    jobs : sequence of Job
    workers : int
    say : callable
        Takes lines of progress.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, when all running processes have written their checkpoints.
    """
    jobs = list({job.path: job for job in reversed(jobs)}.values())
    waiting = [job for job in jobs if job.status != "done"]
    waiting.sort(key=lambda job: job.case.weight, reverse=True)  # long ones first: the end is not waited for
    say(f"{len(jobs) - len(waiting)} of {len(jobs)} runs are there, {len(waiting)} to do")
    todo = sum(job.case.weight for job in waiting)
    done, begin = 0.0, time.monotonic()
    running: list[_Running] = []
    failed: list[Outcome] = []
    finished = 0
    total = len(waiting)
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(_launch(waiting.pop(0)))
            time.sleep(POLL_S)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                one.log.close()
                finished, done = finished + 1, done + one.job.case.weight
                code = int(one.process.returncode)
                message = "" if code == 0 else _last_line(_log_path(one.job))
                if code != 0:
                    failed.append(Outcome(one.job, code, message))
                passed = time.monotonic() - begin
                left = passed * (todo - done) / done
                say(
                    f"[{finished}/{total}] {_title(one.job)}: {'done' if code == 0 else 'FAILED'} in "
                    f"{time.monotonic() - one.began:.0f} s, about {left / 60:.0f} min left"
                    + (f"\n    {message}" if message else "")
                )
    except KeyboardInterrupt:
        _stop(running, say)
        raise
    return failed


def _launch(job: Job) -> _Running:
    """Start or resume a run in a process of its own."""
    job.path.mkdir(parents=True, exist_ok=True)
    begin = ["resume", str(job.path)]
    if job.status in ("missing", "done") or not (job.path / CHECKPOINT).exists():
        source = job.path / "input.toml"
        with replacing(source) as part:
            part.write_text(resolved_toml(job.config), encoding="utf-8")
        verb = "cell1d" if job.case.one_dimensional else "run"
        begin = [verb, str(source), "--out", str(job.path), "--force"]
    log = _log_path(job).open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "latticecell", *begin],
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C must reach it once: a second one stops it within its step
    )
    return _Running(job, process, log, time.monotonic())


def _stop(running: Sequence[_Running], say: Say) -> None:
    """Ask the runs to stop after their step, and wait for their checkpoints."""
    for one in running:
        one.process.send_signal(signal.SIGINT)
    if running:
        say(f"stopping {len(running)} runs after their step; run the same command again to go on")
    deadline = time.monotonic() + GRACE_S
    for one in running:
        try:
            one.process.wait(timeout=max(deadline - time.monotonic(), 0.1))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            one.process.kill()
            one.process.wait()
        one.log.close()


def _log_path(job: Job) -> Path:
    return job.path / "log.txt"


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if "latticecell resume" not in line]
    return told[-1] if told else ""


def _title(job: Job) -> str:
    return f"{job.case.name}, seed {job.seed}"
