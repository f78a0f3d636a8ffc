"""The protocols that clients speak to the service: one package per door, and what all doors share."""
