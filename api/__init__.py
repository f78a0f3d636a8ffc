"""The service and its interfaces: doors, client, command line, benchmarks."""
