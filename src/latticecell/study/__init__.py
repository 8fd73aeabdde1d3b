"""Studies: many runs from one file, on one machine or many, with one table and one page."""

from latticecell.study.measures import MEASURES
from latticecell.study.panels import PANELS, SECTIONS
from latticecell.study.spec import StudySpec, read_study, study_from_table
from latticecell.study.study import StudyResult, study
from latticecell.study.trends import TRENDS

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
