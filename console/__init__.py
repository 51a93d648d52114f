"""The web page over a store of alerts."""
