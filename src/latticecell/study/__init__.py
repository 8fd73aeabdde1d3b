"""Studies: many runs from one file, on one machine or many, with one table and one page."""

from latticecell.study.spec import StudySpec, read_study, study_from_table
from latticecell.study.study import StudyResult, study

__all__ = ["StudyResult", "StudySpec", "read_study", "study", "study_from_table"]
