"""Gaussian filtering on the permutohedral lattice, in stock TensorFlow operations.

Points are the pixels, placed by their features (x, y, red, green, blue in standard deviations of
the kernel). A filter has three steps, as in Adams, Baek and Davis 2010:

- splat: every point adds its values to the d + 1 vertices of the simplex that it lies in, weighted
  by its barycentric coordinates;
- blur: every vertex is mixed with its neighbours, along one of d + 1 axes after the other;
- slice: every point reads the values back with the same weights.

`simplex.py` finds the simplexes, `build.py` numbers their vertices and finds the neighbours,
`kernel.py` filters, `restriction.py` leaves the part of a lattice that some of the points need, and
`sparse.py` has the products of sparse matrices that all steps consist of.
"""
