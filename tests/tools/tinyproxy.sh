#!/usr/bin/env bash
# Gets tinyproxy, the proxy that others wrote for core/tests/proxy, from the system's packages where we may install them.
# Where there is none in the end, one line says what is skipped. Only its binary is installed (no service is started).
if ! command -v tinyproxy >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10 "$@"; }
    { get install tinyproxy-bin || { get update && get install tinyproxy-bin; }; } >/dev/null 2>&1 </dev/null
fi
command -v tinyproxy >/dev/null ||
    echo 'SKIPPED, tests against tinyproxy: it is not installed, and cannot be by us (Debian: tinyproxy-bin)'
