"""Configurations of proxies in front of several gateways; `glow proxy-config` prints them.

Each sends a new connection to the gateway with the fewest, leaves those alone that are open, and asks `/ready`, which
a gateway that stops or is full denies. `/internal` is for the gateways alone.
"""

from typing import Literal

from api.addresses import ANY
from api.settings import Settings

Proxy = Literal["haproxy", "nginx", "caddy"]

HAPROXY_CONNECTIONS = 8_000
"""Connections at once, each of two file descriptors: with its own, HAProxy starts where a process may have 16,384."""


def proxy_config(proxy: Proxy, settings: Settings) -> str:
    """Return a whole configuration of this proxy, for as many gateways as `settings.workers`."""
    makers = {"haproxy": _haproxy, "nginx": _nginx, "caddy": _caddy}
    return makers[proxy](settings)


def _gateways(settings: Settings) -> list[str]:
    host = "127.0.0.1" if settings.host in ANY else settings.host
    host = f"[{host}]" if ":" in host else host
    return [f"{host}:{settings.first_port + number}" for number in range(settings.workers)]


def _haproxy(settings: Settings) -> str:
    asked = "check inter 1s fall 2 rise 1" + (" ssl verify none" if settings.scheme == "https" else "")
    servers = [f"    server g{number} {address} {asked}" for number, address in enumerate(_gateways(settings))]
    plain = "\n".join(servers)
    known = "\n".join(f"{server} cookie g{number}" for number, server in enumerate(servers))
    return f"""\
# It needs two file descriptors a connection (`ulimit -n`), and does not start with fewer.
global
    maxconn {HAPROXY_CONNECTIONS}

defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 180s
    timeout tunnel 1h
    timeout http-request 10s
    option redispatch 1
    option forwardfor
    retries 2
    retry-on conn-failure 503

frontend glow
    bind *:{settings.port}
    http-request deny deny_status 404 if {{ path_beg /internal }}
    # A gateway that stops refuses the handshake of a websocket with 503: it is tried at another one.
    http-request disable-l7-retry unless {{ hdr(Upgrade) -i websocket }}
    use_backend sockets if {{ path_beg /socket.io }}
    default_backend gateways

# A gateway that stops is given no new connections; its open ones are its own until it has ended their calls.
backend gateways
    balance leastconn
    option httpchk GET /ready
    http-check expect status 200
{plain}

# The requests of one socket.io client without websockets go to one gateway.
backend sockets
    balance leastconn
    cookie glow_gateway insert indirect nocache httponly
    option httpchk GET /ready
    http-check expect status 200
{known}
"""


def _nginx(settings: Settings) -> str:
    listed = "".join(f"    server {address} max_fails=0;\n" for address in _gateways(settings))
    return f"""\
# For the http block. nginx does not ask /ready: it tries another gateway when one refuses. It leaves none out for a
# while (max_fails), as it would take one for healthy again only when a connection there has ended.
map $http_upgrade $glow_connection {{
    default upgrade;
    ''      close;
}}

limit_conn_zone $binary_remote_addr zone=perip:10m;

upstream glow_gateways {{
    zone glow_gateways 64k;
    least_conn;
{listed}}}

# The requests of one socket.io client without websockets go to one gateway.
upstream glow_sockets {{
    zone glow_sockets 64k;
    ip_hash;
{listed}}}

server {{
    listen {settings.port};
    client_header_timeout 10s;
    client_body_timeout 10s;
    large_client_header_buffers 4 16k;
    client_max_body_size 24m;

    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $glow_connection;
    proxy_connect_timeout 2s;
    proxy_read_timeout 1h;
    proxy_buffering off;
    proxy_next_upstream error timeout http_503;

    location /internal {{
        return 404;
    }}

    location /socket.io {{
        limit_conn perip 200;
        proxy_pass {settings.scheme}://glow_sockets;
    }}

    location / {{
        limit_conn perip 200;
        proxy_pass {settings.scheme}://glow_gateways;
    }}
}}
"""


def _caddy(settings: Settings) -> str:
    upstreams = " ".join(f"{settings.scheme}://{address}" for address in _gateways(settings))
    trust = "\n\t\ttransport http {\n\t\t\ttls_insecure_skip_verify\n\t\t}" if settings.scheme == "https" else ""
    health = "\n\t\thealth_uri /ready\n\t\thealth_interval 1s\n\t\tlb_try_duration 2s\n\t\tflush_interval -1" + trust
    return f"""\
:{settings.port} {{
\t@internal path /internal /internal/*
\thandle @internal {{
\t\trespond 404
\t}}

\t# The requests of one socket.io client without websockets go to one gateway.
\thandle /socket.io/* {{
\t\treverse_proxy {upstreams} {{
\t\t\tlb_policy cookie glow_gateway{health.replace(chr(10), chr(10) + chr(9))}
\t\t}}
\t}}

\thandle {{
\t\treverse_proxy {upstreams} {{
\t\t\tlb_policy least_conn{health.replace(chr(10), chr(10) + chr(9))}
\t\t}}
\t}}
}}
"""
