"""Everything that faces the outside: the doors, the client, the command line, and the service that they run on."""
