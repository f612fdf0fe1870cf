"""Models in integers: what every machine computes to the same last bit.

The decoder-side networks and the likelihoods once more, in NumPy, as the format
of compressed files has them: see `grid` for why nothing is ever rounded.
"""
