"""Pictures and films without a screen.

A missing graphics driver can end the whole process, so each driver is first tried in a child process.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Flags, Floats
from latticecell.errors import ConfigError, OutputError
from latticecell.output.files import make_folder, replacing, write_file
from latticecell.view.geometry import Look
from latticecell.view.model import RunModel
from latticecell.view.scene import Scene

SIZE: Final = (1200, 900)
DRIVER: Final = "VTK_DEFAULT_OPENGL_WINDOW"
"""Environment variable by which VTK chooses its kind of window."""
PROBE: Final = """
import sys
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
window, renderer = vtkRenderWindow(), vtkRenderer()
if sys.argv[1] == "screen":
    window.SetShowWindow(False)
else:
    window.SetOffScreenRendering(1)
window.SetSize(8, 8)
renderer.SetBackground(1, 0, 0)
window.AddRenderer(renderer)
window.Render()
pixel = vtkUnsignedCharArray()
window.GetPixelData(0, 0, 7, 7, 0, pixel, 0)
print("drawn" if [pixel.GetValue(i) for i in range(3)] == [255, 0, 0] else "blank")
"""
PROBE_SECONDS: Final = 60.0
ENDINGS: Final = {"picture": (".png", ".jpg", ".jpeg", ".tif", ".tiff"), "film": (".mp4", ".gif")}


@cache  # a property of the machine, and costly to find out
def find_driver(target: str = "memory") -> str | None:
    """Return the kind of VTK window that can draw here, "" for VTK's own choice, None if there is none.

    Parameters
    ----------
    target : {"memory", "screen"}
    """
    choices = [os.environ.get(DRIVER, "")]
    if sys.platform.startswith("linux"):
        screen = bool(os.environ.get("DISPLAY"))
        if target == "screen":
            choices = choices if screen else []
        else:
            headless = ["vtkEGLRenderWindow", "vtkOSOpenGLRenderWindow"]
            chosen = choices if choices[0] else []
            choices = [*chosen, *headless, *([""] if screen else [])]
    for choice in choices:
        environment = {name: value for name, value in os.environ.items() if name != DRIVER}
        if choice:
            environment[DRIVER] = choice
        try:
            tried = subprocess.run(
                [sys.executable, "-c", PROBE, target],
                env=environment,
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if tried.returncode == 0 and tried.stdout.strip() == "drawn":
            return choice
    return None


def require_driver(target: str = "memory") -> None:
    """Choose the driver for this process.

    Raises
    ------
    ConfigError
        If none can draw.
    """
    driver = find_driver(target)
    if driver is None and target == "screen":
        raise ConfigError(
            "view: there is no screen for a window; use --screenshot, --movie or --html to write files"
        )
    if driver is None:
        raise ConfigError(
            "view: no graphics driver can draw without a screen; install Mesa with EGL "
            "(libegl1, libgl1-mesa-dri) or the OSMesa library, or use --html, which needs none"
        )
    if driver:
        os.environ[DRIVER] = driver


class Studio:
    """An off-screen plotter with one run; use as a context manager.

    Raises
    ------
    ConfigError
        If no driver can draw.
    """

    def __init__(self, model: RunModel, size: tuple[int, int] = SIZE):
        require_driver()
        import vedo

        self._plotter = vedo.Plotter(offscreen=True, size=size, axes=0)
        self._plotter.window.SetOffScreenRendering(1)
        self._plotter.window.SetSize(*size)
        self._plotter.window.SetMultiSamples(8)
        self._plotter.renderer.UseFXAAOff()
        self.scene = Scene(model, self._plotter, size)

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self._plotter.close()

    def aim(self, look: Look, *, straight: bool = False) -> None:
        """Point the camera; `picture` does not move it."""
        self.scene.aim(look, straight=straight)

    def picture(self, look: Look) -> Flags:
        """Draw ``look``, (height, width, 3)."""
        self.scene.show(look)
        self.scene.render()
        return grab(self._plotter.window)

    def project(self, x_mc: NDArray) -> Floats:
        """Return column and row of the pixels where points [um] appear, (n, 2)."""
        renderer = self._plotter.renderer
        height = self._plotter.window.GetSize()[1]
        found = []
        for x in np.asarray(x_mc, float):
            renderer.SetWorldPoint(*x, 1.0)
            renderer.WorldToDisplay()
            column, row, _ = renderer.GetDisplayPoint()
            found.append((column, height - 1 - row))
        return np.array(found)


def grab(window: Any) -> Flags:
    """Return the pixels of a rendered window, (height, width, 3), top row first."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

    width, height = window.GetSize()
    data = vtkUnsignedCharArray()
    window.GetPixelData(0, 0, width - 1, height - 1, 0, data, 0)
    return vtk_to_numpy(data).reshape(height, width, 3)[::-1].copy()


def write_picture(path: Path, picture: Flags) -> None:
    """Write a picture; the ending of the name gives the format.

    Raises
    ------
    ConfigError
        If the format is unknown.
    OutputError
        If the file cannot be written.
    """
    from PIL import Image

    check_name(path, "picture")
    image = Image.fromarray(picture)
    kind = Image.registered_extensions()[path.suffix.lower()]
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **({"optimize": True} if kind == "PNG" else {}))
    write_file(path, buffer.getvalue())


def write_movie(path: Path, pictures: Iterable[Flags], rate: float = 8.0) -> tuple[Path, str]:
    """Write a film, MP4 or GIF by the ending of the name; a GIF also where no encoder is found.

    Returns
    -------
    path : Path
        The file that was written.
    message : str
        Why it is not the one asked for, or nothing.

    Raises
    ------
    ConfigError
        If the format is unknown.
    OutputError
        If the file cannot be written, or the encoder fails.
    """
    check_name(path, "film")
    if path.suffix.lower() == ".gif":
        _write_gif(path, pictures, rate)
        return path, ""
    encoder = find_encoder()
    if encoder is None:
        instead = path.with_suffix(".gif")
        _write_gif(instead, pictures, rate)
        return instead, f"no MP4 encoder (ffmpeg, or the package imageio-ffmpeg): wrote {instead} instead"
    _write_mp4(encoder, path, iter(pictures), rate)
    return path, ""


def find_encoder() -> str | None:
    """Return the path of ffmpeg, from the system or the package imageio-ffmpeg."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:
        return None


def _write_gif(path: Path, pictures: Iterable[Flags], rate: float) -> None:
    from PIL import Image

    frames = [Image.fromarray(picture).quantize(128, dither=Image.Dither.NONE) for picture in pictures]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, format="GIF", save_all=True, append_images=frames[1:], duration=round(1000 / rate), loop=0
    )
    write_file(path, buffer.getvalue())


def _write_mp4(encoder: str, path: Path, pictures: Iterator[Flags], rate: float) -> None:
    first = next(pictures)
    height, width = first.shape[:2]
    with replacing(path) as part:
        command = [encoder, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{width}x{height}", "-r", f"{rate:g}", "-i", "-", "-an"]
        command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p", "-f", "mp4", str(part)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            try:
                process.stdin.write(first.tobytes())
                for picture in pictures:
                    process.stdin.write(picture.tobytes())
                process.stdin.close()
            except BrokenPipeError:
                pass  # its message says why
            message = process.stderr.read().decode(errors="replace").strip()
        if process.returncode != 0:
            told = message.splitlines()[-1] if message else f"exit code {process.returncode}"
            raise OutputError(path, f"the encoder failed: {told}")


def check_name(path: Path, kind: str) -> None:
    """Check the ending of a "picture" or "film" and make its folder; raises `ConfigError`."""
    endings = ENDINGS[kind]
    if path.suffix.lower() not in endings:
        raise ConfigError(f"{path}: the name must end in {' or '.join(endings)}")
    make_folder(path.parent)
