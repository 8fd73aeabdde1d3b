"""Progress of a run: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from latticecell.config import Config
from latticecell.drive import Drive
from latticecell.protocol import Stage, one_c, stages
from latticecell.run import Progress as Advance

LINE_EVERY = 10
"""Steps between plain lines."""
USUAL_VOLTAGE = 3.8
"""Voltage by which the current of a given power is guessed [V]."""
Show = Callable[["Advance"], None]


def expected_duration(stage: Stage, one_c: float) -> float:
    """Guess how long a stage takes [s]: an hour over the C-rate, or the time that it may take at most."""
    level = 0.0 if isinstance(stage.level, Drive) else stage.level
    amperes = level if stage.controlled == "current" else None
    if stage.controlled == "power" and level:
        amperes = level / USUAL_VOLTAGE
    guess = 1800.0 if not amperes else 0.86 * 3600.0 * one_c / abs(amperes)
    if stage.kind == "rest":
        guess = float("inf")
    return min(guess, stage.duration if stage.duration is not None else float("inf"))


@contextmanager
def progress_display(config: Config, console: Console | None = None) -> Iterator[Show]:
    """Yield a function that shows the progress of a run step by step."""
    console = console or Console()
    todo = [expected_duration(stage, one_c(config)) for stage in stages(config)]
    begin, first = time.monotonic(), -1.0

    def share(progress: Advance) -> float:
        cursor = progress.cursor
        if cursor.finished:
            return 1.0
        now = sum(todo[: cursor.stage]) + min(cursor.elapsed, 0.99 * todo[cursor.stage])
        return now / sum(todo)

    def remaining(done: float) -> str:
        nonlocal first
        if first < 0:
            first = done
        if done - first < 0.01:
            return "?"
        seconds = (time.monotonic() - begin) * (1 - done) / (done - first)
        return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"

    def text(progress: Advance) -> str:
        row = progress.row
        return (
            f"{row['kind']} {row['cycle']}  t {row['time_s']:.0f} s  {row['voltage_V']:.3f} V  "
            f"gap {row['gap_mean_nm']:.2f}/{row['gap_max_nm']:.1f} nm"
        )

    if not console.is_terminal:
        count = 0

        def line(progress: Advance) -> None:
            nonlocal count
            left = remaining(share(progress))
            if count % LINE_EVERY == 0 or progress.cursor.elapsed == 0:
                console.print(
                    f"{text(progress)}  dt {progress.row['dt_s']:.1f} s  left {left}", soft_wrap=True
                )
            count += 1

        yield line
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        TextColumn("left {task.fields[left]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting", total=1.0, left="?")

        def advance(progress: Advance) -> None:
            done = share(progress)
            bar.update(task, completed=done, description=text(progress), left=remaining(done))

        yield advance
