"""Tests of the network detections."""
