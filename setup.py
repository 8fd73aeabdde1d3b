"""Build the Cython kernels: ``src/_kernels/<stem>.pyx`` becomes ``latticecell._kernels.<stem>``.

LATTICECELL_DEBUG=1 builds them unoptimised with checked bounds; LATTICECELL_SANITIZE=address,undefined with
these sanitizers besides (see ``.ci/sanitize``).
"""

import os
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

KERNELS = Path("src/_kernels")
SANITIZE = os.environ.get("LATTICECELL_SANITIZE", "")
DEBUG = bool(SANITIZE) or os.environ.get("LATTICECELL_DEBUG", "0") == "1"
# -ffp-contract=off keeps results identical between machines with and without fused multiply-add.
FLAGS = ["-O0", "-g"] if DEBUG else ["-O3", "-ffp-contract=off"]
SANITIZERS = [f"-fsanitize={SANITIZE}", "-fno-omit-frame-pointer"] if SANITIZE else []

extensions = [
    Extension(
        f"latticecell._kernels.{source.stem}",
        [source.as_posix()],
        include_dirs=[np.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        extra_compile_args=[*FLAGS, *SANITIZERS, "-fopenmp"],
        extra_link_args=[*SANITIZERS, "-fopenmp"],
    )
    for source in sorted(KERNELS.glob("*.pyx"))
]

setup(
    packages=find_packages("src", include=["latticecell*"]),
    package_dir={"": "src"},
    ext_modules=cythonize(
        extensions,
        include_path=[KERNELS.as_posix()],
        build_dir="build/cython-debug" if DEBUG else "build/cython",
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": DEBUG,
            "show_performance_hints": not DEBUG,
        },
    ),
)
