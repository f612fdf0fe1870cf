"""Entropy coding and the format of files. Nothing here knows TensorFlow."""
