"""Several processes of the service, each a gateway on an address of its own.

supervisor    `glow serve --workers N`: starts them, replaces them one by one, ends them
proxies       the configuration of a proxy in front of them
neighbours    the other gateways: requests are forwarded to them, and calls released by them
shared        what they share beside the database: the bus, and limits
"""
