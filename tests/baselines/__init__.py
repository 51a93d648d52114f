"""Tests of the online models."""
