"""Cases of the management detections."""
