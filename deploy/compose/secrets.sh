#!/bin/sh
# Makes the passwords of compose.yaml in ./secrets, once: what is there is left.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

# In a container a secret's file keeps its owner and mode: the folder is closed, the files are the services' to read.
make() {
    [ -e "secrets/$1" ] || { printf %s "$2" > "secrets/$1"; chmod 444 "secrets/$1"; }
}

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

make postgres_password "$(random)"
make redis_password "$(random)"
make GLOW_GATEWAY_SECRET "$(random)"
make GLOW_DATABASE_URL "postgresql+asyncpg://glow:$(cat secrets/postgres_password)@postgres/glow"
make GLOW_BUS_URL "redis://:$(cat secrets/redis_password)@redis:6379/0"
