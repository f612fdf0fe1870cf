"""Bits/dim and quality over whole splits."""
