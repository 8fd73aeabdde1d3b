"""Studies: many runs from one file, on one machine or many, with one table and one page."""

from typing import TYPE_CHECKING

from latticecell.lazy import load_later

if TYPE_CHECKING:
    from latticecell.study.measures import MEASURES
    from latticecell.study.panels import PANELS, SECTIONS
    from latticecell.study.spec import StudySpec, read_study, study_from_table
    from latticecell.study.study import StudyResult, study
    from latticecell.study.trends import TRENDS

load_later(
    __name__,
    {
        "latticecell.study.measures": ("MEASURES",),
        "latticecell.study.panels": (
            "PANELS",
            "SECTIONS",
        ),
        "latticecell.study.spec": (
            "StudySpec",
            "read_study",
            "study_from_table",
        ),
        "latticecell.study.study": (
            "StudyResult",
            "study",
        ),
        "latticecell.study.trends": ("TRENDS",),
    },
)

__all__ = [
    "MEASURES",
    "PANELS",
    "SECTIONS",
    "TRENDS",
    "StudyResult",
    "StudySpec",
    "read_study",
    "study",
    "study_from_table",
]
