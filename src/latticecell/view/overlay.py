"""What lies flat on the picture: time and voltage, colour scales, directions of the axes, a length, keys."""

from __future__ import annotations

import textwrap
from typing import Any, Final

import numpy as np

from latticecell.view.colours import CRACK_LABEL, CRACK_MAP, CRACK_SPAN, ipf_colours, table, ticks
from latticecell.view.geometry import Look
from latticecell.view.model import ORIENTATION, RunModel

FONT_SHARE: Final = 0.038
"""Height of the text over that of the picture: 7 pt at a column width of 85 mm."""
BAR_LEFT: Final = 0.775
BAR_WIDTH: Final = 0.03
TITLE_WIDTH: Final = 14
"""Largest number of letters in a line above a colour scale."""
INK: Final = (0.1, 0.1, 0.1)
LENGTHS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


class Overlay:
    """The flat parts of one picture: of a VTK renderer of ``size`` (width, height) pixels."""

    def __init__(self, renderer: Any, size: tuple[int, int], keys: str = ""):
        self.renderer, self.size, self.keys = renderer, size, keys
        self._fixed: list[Any] = []
        self._turning: list[Any] = []
        self._shown: object = None
        self._head = self._text("", 0.02, 0.975, top=True)
        self._add(self._head, [])

    def show(self, model: RunModel, look: Look, cracks: bool) -> None:
        """Show the texts and scales of a look; ``cracks``: whether a scale of openings is needed."""
        lines = [model.describe(look.step)]
        if look.magnify != 1:
            lines.append(f"deformation x {look.magnify:g}")
        self._head.SetInput("\n".join(lines))
        key = (look.field.key, cracks, look.ghost)
        if key == self._shown:
            return
        self._shown = key
        self._drop(self._fixed)
        shown = look.field
        if look.ghost and not look.on_bonds:
            pass  # the surfaces are blank
        elif shown.colours:
            self._scale(0.56, shown.label, model.limits(shown), table(shown.colours))
        elif shown is ORIENTATION:
            self._triangle(shown.title)
        else:
            self._add(self._text(f"{model.mesh.n_grains} grains", BAR_LEFT, 0.93, top=True), self._fixed)
        if cracks:
            limits = (0.0, model.opening_limit())
            self._scale(0.1, CRACK_LABEL, limits, table(CRACK_MAP, CRACK_SPAN))
        if self.keys:
            self._add(self._text(self.keys, 0.02, 0.86, top=True, share=0.021), self._fixed)

    def follow(self) -> None:
        """Redraw the directions of the axes and the length for the present camera."""
        self._drop(self._turning)
        camera, (width, height) = self.renderer.GetActiveCamera(), self.size
        forward = np.array(camera.GetDirectionOfProjection())
        up = np.array(camera.GetViewUp())
        right = np.cross(forward, up)
        right /= np.linalg.norm(right)
        up = np.cross(right, forward)
        arm, origin = 0.062 * height, np.array([0.085 * height, 0.085 * height])
        for axis, name in enumerate("xyz"):
            flat = np.array([right[axis], up[axis]])
            if np.linalg.norm(flat) < 0.2:
                continue  # it points at the reader
            self._add(self._line(origin, origin + arm * flat), self._turning)
            at = (origin + 1.42 * arm * flat) / (width, height)
            self._add(self._text(name, *at, centred=True), self._turning)
        if camera.GetParallelProjection():
            pixels = height / (2 * camera.GetParallelScale())  # per um
            length = max((n for n in LENGTHS if n * pixels < 0.2 * width), default=LENGTHS[0])
            a = np.array([0.22 * width, 0.045 * height])
            b = a + np.array([length * pixels, 0.0])
            self._add(self._line(a, b, wide=True), self._turning)
            middle = (a + b) / 2 / (width, height)
            text = self._text(f"{length:g} µm", middle[0], middle[1] + 0.034, centred=True)
            self._add(text, self._turning)

    def _scale(self, bottom: float, title: str, limits: tuple[float, float], colours: Any) -> None:
        """Draw one colour scale with five numbers, its title above."""
        width, height = self.size
        left, right = BAR_LEFT * width, (BAR_LEFT + BAR_WIDTH) * width
        low, high = bottom * height, (bottom + 0.29) * height
        y = np.linspace(low, high, len(colours) + 1)
        quads = np.stack(
            [
                np.stack([np.full(len(colours), left), y[:-1]], 1),
                np.stack([np.full(len(colours), right), y[:-1]], 1),
                np.stack([np.full(len(colours), right), y[1:]], 1),
                np.stack([np.full(len(colours), left), y[1:]], 1),
            ],
            axis=1,
        )
        self._add(_flat_polygons(quads, colours), self._fixed)
        for text, y_text in zip(ticks(limits), np.linspace(low, high, 5), strict=True):
            at = (BAR_LEFT + BAR_WIDTH + 0.01, y_text / height)
            self._add(self._text(text, *at, middle=True), self._fixed)
        self._title(title, bottom + 0.32)

    def _title(self, words: str, y: float) -> None:
        """Write a title above ``y``: two lines of full size, more lines smaller."""
        lines = textwrap.wrap(words, TITLE_WIDTH)
        share = FONT_SHARE * min(1.0, 2 / len(lines))
        self._add(self._text("\n".join(lines), BAR_LEFT, y, share=share), self._fixed)

    def _triangle(self, title: str) -> None:
        """Draw the colour key of orientations: [0001] left, [2-1-10] right, [10-10] up."""
        width, height = self.size
        scale, origin = 0.145 * width, np.array([BAR_LEFT * width, 0.66 * height])
        tilt, turn = np.meshgrid(np.linspace(0, np.pi / 2, 25), np.linspace(0, np.pi / 6, 25), indexing="ij")
        flat = origin + scale * (np.sin(tilt / 2) * np.sqrt(2))[..., None] * np.stack(
            [np.cos(turn), np.sin(turn)], axis=-1
        )
        quads = np.stack([flat[:-1, :-1], flat[1:, :-1], flat[1:, 1:], flat[:-1, 1:]], axis=2).reshape(
            -1, 4, 2
        )
        tilt, turn = ((a[:-1, :-1] + a[1:, 1:]).ravel() / 2 for a in (tilt, turn))
        direction = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], axis=1)
        self._add(_flat_polygons(quads, ipf_colours(direction)), self._fixed)
        corners = (("0001", 0, -0.035), ("2-1-10", 0.105, -0.035), ("10-10", 0.075, 0.125))
        for name, dx, dy in corners:
            self._add(self._text(name, BAR_LEFT + dx, 0.66 + dy, middle=True, share=0.03), self._fixed)
        self._title(title, 0.86)

    def _text(
        self,
        words: str,
        x: float,
        y: float,
        *,
        top: bool = False,
        middle: bool = False,
        centred: bool = False,
        share: float = FONT_SHARE,
    ) -> Any:
        from vtkmodules.vtkRenderingCore import vtkTextActor

        actor = vtkTextActor()
        actor.SetInput(words)
        look = actor.GetTextProperty()
        look.SetFontFamilyToArial()
        look.SetFontSize(max(round(share * self.size[1]), 8))
        look.SetColor(*INK)
        if centred:
            look.SetJustificationToCentered()
        if centred or middle:
            look.SetVerticalJustificationToCentered()
        elif top:
            look.SetVerticalJustificationToTop()
        actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
        actor.SetPosition(x, y)
        return actor

    def _line(self, a: Any, b: Any, *, wide: bool = False) -> Any:
        """A bar from ``a`` to ``b`` [pixels]."""
        a, b = np.asarray(a, float), np.asarray(b, float)
        along = (b - a) / max(float(np.linalg.norm(b - a)), 1e-9)
        across = np.array([-along[1], along[0]]) * self.size[1] * (0.004 if wide else 0.0025)
        quad = np.stack([a - across, b - across, b + across, a + across])[None]
        return _flat_polygons(quad, np.array([[25, 25, 25]], np.uint8))

    def _add(self, actor: Any, where: list[Any]) -> None:
        self.renderer.AddViewProp(actor)
        where.append(actor)

    def _drop(self, where: list[Any]) -> None:
        for actor in where:
            self.renderer.RemoveViewProp(actor)
        where.clear()


def _flat_polygons(x_mvc: Any, colour_mc: Any) -> Any:
    """Return a flat actor of polygons (n, corners, 2) [pixels], each of one colour."""
    from vtkmodules.vtkRenderingCore import vtkActor2D, vtkPolyDataMapper2D

    from latticecell.view.drawing import fill

    n, corners, _ = x_mvc.shape
    x = np.concatenate([x_mvc, np.zeros((n, corners, 1))], axis=2)
    mapper = vtkPolyDataMapper2D()
    mapper.SetInputData(fill(None, x, np.repeat(np.asarray(colour_mc)[:, None], corners, axis=1)))
    mapper.SetScalarModeToUsePointData()
    actor = vtkActor2D()
    actor.SetMapper(mapper)
    return actor
