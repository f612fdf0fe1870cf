"""Training: one loop for whatever has losses."""
