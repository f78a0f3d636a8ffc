"""`glow bench swarm`: many calls in virtual time, from measured service times."""
