"""The scene in vedo: actors for the layers of a look, camera, overlay."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from latticecell.arrays import Floats
from latticecell.view.drawing import fill
from latticecell.view.geometry import CUTS, Drawn, Geometry, Look
from latticecell.view.model import RunModel
from latticecell.view.overlay import Overlay

GHOST: Final = 0.22
"""Opacity of surfaces that are drawn to see what is inside."""
SUBJECT_LEFT: Final = 0.2
"""Shift of the picture's centre that leaves the right side to the colour scales."""
SUBJECT_BETWEEN: Final = 0.06
"""The same where the list of keys takes the left side."""
UP: Final = {"zy": (0.0, 1.0, 0.0), "zx": (1.0, 0.0, 0.0), "xy": (0.0, 1.0, 0.0)}
"""Upward direction for each cut: the first letter of its name points right, the second up."""
WIDTHS: Final = {"borders": 0.0022, "halo": 0.0105, "traces": 0.006, "springs": 0.0017}
"""Widths of the lines over the height of the picture."""
TURN: Final = (24.0, 18.0)
"""Azimuth and elevation of the camera against the normal of the cut [degrees]."""


class Scene:
    """A run in a vedo plotter.

    Parameters
    ----------
    model : RunModel
    plotter : vedo.Plotter
    size : (int, int)
        Width and height of the picture [pixels].
    keys : str
        Help text to keep on the screen.
    """

    def __init__(self, model: RunModel, plotter: Any, size: tuple[int, int], keys: str = ""):
        self.model, self.plotter = model, plotter
        self.geometry = Geometry(model)
        self._height = size[1]
        self.overlay = Overlay(plotter.renderer, size, keys)
        self._meshes = {
            "surface": _mesh(),
            "cap": _mesh(lighting=False),
            "cracks": _mesh(over=1),
            "rim": _mesh(over=1),
            "borders": _mesh(lighting=False, over=1),
            "halo": _mesh(lighting=False, over=2),
            "traces": _mesh(lighting=False, over=4),
            "springs": _mesh(lighting=False, over=1),
        }
        self._meshes["rim"].properties.FrontfaceCullingOn()
        plotter.add(*self._meshes.values())
        plotter.renderer.SetBackground(1, 1, 1)
        plotter.renderer.GetActiveCamera().SetWindowCenter(SUBJECT_BETWEEN if keys else SUBJECT_LEFT, 0)
        plotter.renderer.AddObserver("StartEvent", lambda *_: self.overlay.follow())

    def show(self, look: Look) -> None:
        """Bring the actors to ``look``; the caller renders."""
        layers = self.geometry.layers(look)
        for name, mesh in self._meshes.items():
            drawn: Drawn = layers.traces if name == "halo" else getattr(layers, name)
            colour = np.zeros_like(drawn.colour_mvc) if name == "halo" else drawn.colour_mvc
            fill(mesh.dataset, drawn.x_mvc, colour)
            mesh.actor.SetVisibility(len(drawn.x_mvc) > 0)
            if name in WIDTHS:  # thinner on the whole cell, where the particle is small
                mesh.properties.SetLineWidth(self._height * WIDTHS[name] * (0.55 if look.whole else 1.0))
        self._meshes["surface"].properties.SetOpacity(GHOST if look.ghost else 1.0)
        self.overlay.show(self.model, look, cracks=look.cracks and not look.on_bonds)

    def aim(self, look: Look, *, straight: bool = False) -> None:
        """Point the camera at what ``look`` shows; ``straight``: along the normal of the cut."""
        center, away, up, reach = viewpoint(self.model, look, straight=straight)
        camera = self.plotter.renderer.GetActiveCamera()
        camera.ParallelProjectionOn()
        camera.SetFocalPoint(*center)
        camera.SetPosition(*(center + 10 * reach * away))
        camera.SetViewUp(*up)
        camera.SetParallelScale(reach)
        self.plotter.renderer.ResetCameraClippingRange()

    def render(self) -> None:
        """Draw."""
        self.plotter.renderer.ResetCameraClippingRange()
        self.plotter.window.Render()


def viewpoint(model: RunModel, look: Look, *, straight: bool = False) -> tuple[Floats, Floats, Floats, float]:
    """Where to look from.

    Returns
    -------
    center, away, up : (3,) float64
        Middle of the scene [um], unit vectors from it to the reader and upwards.
    reach : float
        Half the height to show [um].
    """
    axis, sign = CUTS.get(look.cut, CUTS["zy"])
    up = np.array(UP.get(look.cut, UP["zy"]))
    away = np.zeros(3)
    away[axis] = sign
    if not straight:
        side = np.cross(up, away)
        azimuth, elevation = np.radians(TURN)
        away = np.cos(elevation) * (np.cos(azimuth) * away + np.sin(azimuth) * side) + np.sin(elevation) * up
    if look.whole:
        return model.mesh.box / 2, away, up, 0.48 * float(np.linalg.norm(model.mesh.box))
    return model.center_c, away, up, 1.25 * model.radius * (1 + look.explode)


def _mesh(*, lighting: bool = True, over: int = 0) -> Any:
    """Return an empty vedo mesh whose vertices carry their colours.

    ``over`` lifts it above coincident surfaces: the higher on top.
    """
    import vedo

    mesh = vedo.Mesh()
    mapper = mesh.mapper
    mapper.SetInputData(mesh.dataset)
    mapper.ScalarVisibilityOn()
    mapper.SetColorModeToDirectScalars()
    mapper.SetScalarModeToUsePointData()
    if over:
        mapper.SetResolveCoincidentTopologyToPolygonOffset()
        mapper.SetRelativeCoincidentTopologyPolygonOffsetParameters(-2.0 * over, -2.0 * over)
        mapper.SetRelativeCoincidentTopologyLineOffsetParameters(-4.0 * over, -4.0 * over)
    look = mesh.properties
    look.SetInterpolationToFlat()
    if lighting:
        look.SetAmbient(0.45)
        look.SetDiffuse(0.6)
        look.SetSpecular(0.0)
    else:
        look.LightingOff()
    return mesh
