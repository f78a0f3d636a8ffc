"""Wyoming, the protocol of Home Assistant's voice services: personas on ports, and satellites that they answer."""
