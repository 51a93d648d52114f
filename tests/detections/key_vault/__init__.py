"""Tests of the Key Vault detections."""
