"""Engines on Ray Serve: their deployments, and the drivers that a gateway uses them by."""
