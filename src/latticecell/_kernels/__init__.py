"""Compiled kernels; sources in ``src/_kernels``."""
