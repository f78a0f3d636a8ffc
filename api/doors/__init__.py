"""The protocols that clients speak to the service: one room per door, and what all doors share."""
