"""The smallest cell, for studies, and the table of a study whose base it is."""

import cells
from latticecell import config_from_table, resolved_toml

SMALL = {
    "name": "small",
    "geometry": cells.SMALL["geometry"],
    "microstructure": cells.SMALL["microstructure"],
    "network": {"spacing_um": 0.95, "spacing_max_um": 2.5, "growth": 0.6},
    "protocol": {
        "current_1c_nA": 0.0427,
        "steps": [
            {"kind": "charge", "c_rate": 2.0, "duration_s": 120.0},
            {"kind": "discharge", "c_rate": 2.0, "duration_s": 60.0},
        ],
    },
    "solver": {"dt_initial_s": 20.0},
    "output": {"fields_every": 100, "checkpoint_every": 3},
}  # fmt: skip


def study_table(folder, **table):
    """Return the table of a study; its base is written into ``folder``."""
    (folder / "base.toml").write_text(resolved_toml(config_from_table(SMALL)))
    return {"base": "base.toml", **table}
