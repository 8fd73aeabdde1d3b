"""Placement, smoothing and labelling of the sites of a conforming Delaunay network."""
