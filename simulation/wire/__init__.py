"""The wire formats: what the cloud and its routers would have written."""
