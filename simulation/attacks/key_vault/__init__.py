"""Attacks on this layer, one file each."""
