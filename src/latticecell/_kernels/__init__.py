"""Compiled kernels; sources in ``src/_kernels``."""

import os

# Threads that wait must sleep: spinning, they hold back those that have work as soon as another program wants
# a processor, and kernels of a tenth of a millisecond take tens. Read once, when the first kernel is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
