"""The window: a time slider, and keys for everything else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from latticecell.view.geometry import Look
from latticecell.view.model import MATRIX, RunModel
from latticecell.view.offscreen import require_driver, write_picture
from latticecell.view.scene import Scene

SIZE: Final = (1500, 960)
MAGNIFICATIONS: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
EXPLOSIONS: Final = (0.0, 0.25, 0.5, 1.0)
CUT_KEYS: Final = {"x": "zy", "y": "zx", "z": "xy", "n": "none"}
CUT_STEP: Final = 0.1
"""One step of the cut over the particle's radius."""
KEYS: Final = "\n".join(
    [
        "f g  next field, the one before",
        "x y z n  cut Z-Y, Z-X, X-Y, none",
        "square brackets  move the cut",
        "- +  deformation",
        "c  cracks    s  springs",
        "w  whole cell    e  explode",
        "left right  time",
        "r  camera    p  picture    q  quit",
    ]
)


class Controls:
    """What the keys and the slider do.

    Parameters
    ----------
    scene : Scene
    look : Look
        What is shown first.
    """

    def __init__(self, scene: Scene, look: Look):
        self.scene, self.look = scene, look
        scene.aim(look)
        scene.show(look)

    def press(self, key: str) -> bool:
        """Do what ``key`` (a name as VTK has it) stands for; return whether it stands for anything here."""
        look, model = self.look, self.scene.model
        names = list(model.fields)
        if (key.isdigit() and 1 <= int(key) <= len(names)) or key in ("f", "g"):
            place = names.index(look.field.key)
            place = int(key) - 1 if key.isdigit() else (place + (1 if key == "f" else -1)) % len(names)
            chosen = model.fields[names[place]]
            look = replace(look, field=chosen, whole=look.whole or chosen.domain in MATRIX)
        elif key in CUT_KEYS:
            look = replace(look, cut=CUT_KEYS[key], at=None)
        elif key in ("bracketleft", "bracketright") and look.cut != "none":
            axis, _, at = self.scene.geometry.plane(look)
            at += CUT_STEP * model.radius * (1 if key == "bracketright" else -1)
            look = replace(look, at=min(max(at, 0.0), float(model.mesh.box[axis])))
        elif key in ("plus", "equal", "minus"):
            look = replace(
                look, magnify=_neighbour(MAGNIFICATIONS, look.magnify, -1 if key == "minus" else 1)
            )
        elif key == "c":
            look = replace(look, cracks=not look.cracks)
        elif key == "s":
            look = replace(look, springs=not look.springs)
        elif key == "w":
            look = replace(look, whole=not look.whole, explode=0.0)
        elif key == "e":
            position = _neighbour(EXPLOSIONS, look.explode, 1) if look.explode < EXPLOSIONS[-1] else 0.0
            look = replace(look, explode=position, whole=False)
        elif key in ("Left", "Right"):
            step = look.step + (1 if key == "Right" else -1)
            look = replace(look, step=min(max(step, 0), model.last))
        elif key != "r":
            return False
        aimed = key == "r" or (look.cut, look.whole, look.explode) != (
            self.look.cut,
            self.look.whole,
            self.look.explode,
        )
        self.look = look
        if aimed:
            self.scene.aim(look)
        self.scene.show(look)
        return True

    def slide(self, step: int) -> None:
        """Show a snapshot."""
        if step != self.look.step:
            self.look = replace(self.look, step=step)
            self.scene.show(self.look)


def show_window(model: RunModel, look: Look) -> None:
    """Open the window and return when it is closed.

    Raises
    ------
    ConfigError
        If there is no screen.
    """
    require_driver("screen")
    import vedo

    plotter = vedo.Plotter(size=SIZE, title=f"latticecell: {model.run.name}", axes=0, bg="white")
    build_window(model, look, plotter)
    plotter.show(resetcam=False, interactive=True)
    plotter.close()


def build_window(model: RunModel, look: Look, plotter: Any) -> Controls:
    """Fill a plotter and connect slider and keys."""
    controls = Controls(Scene(model, plotter, SIZE, _help(model)), look)
    slider = None
    last = model.last

    def slid(widget: Any, event: str) -> None:
        controls.slide(min(max(round(widget.value), 0), last))

    if last > 0:
        slider = plotter.add_slider(
            slid, 0, last, value=look.step, pos=((0.42, 0.06), (0.74, 0.06)), title="", show_value=False
        )

    def pressed(interactor: Any, event: str) -> None:
        key = interactor.GetKeySym()
        if key in ("q", "Escape"):
            plotter.break_interaction()
            return
        if key == "p":
            from latticecell.view.offscreen import grab

            write_picture(
                Path(f"view_{controls.look.field.key}_{controls.look.step}.png"), grab(plotter.window)
            )
            return
        if controls.press(key):
            if slider is not None:
                slider.value = controls.look.step
            controls.scene.render()

    interactor = plotter.interactor
    if interactor is not None:
        # the keys of vedo and VTK would act as well
        interactor.RemoveObservers("KeyPressEvent")
        interactor.RemoveObservers("CharEvent")
        interactor.AddObserver("KeyPressEvent", pressed)
    return controls


def _help(model: RunModel) -> str:
    """Return the list of keys: the first nine fields have one of their own."""
    return "\n".join(
        [*(f"{i}  {key.replace('_', ' ')}" for i, key in enumerate([*model.fields][:9], 1)), KEYS]
    )


def _neighbour(steps: tuple[float, ...], value: float, direction: int) -> float:
    """Return the next of ``steps`` above or below ``value``, or the end."""
    if direction > 0:
        return next((step for step in steps if step > value), steps[-1])
    return next((step for step in reversed(steps) if step < value), steps[0])
