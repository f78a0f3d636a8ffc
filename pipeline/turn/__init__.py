"""The turn machine: pure functions on frozen states, events and actions; imports nothing else of the pipeline."""
