#!/usr/bin/env bash
# Gets what the feature `openssl` is compiled against (OpenSSL 3 with its headers, pkg-config) from the system's packages where we
# may install them. Prints the feature if it is there; where it is not in the end, one line on the other output says what is skipped.
there() { pkg-config --atleast-version=3 openssl 2>/dev/null; }
if ! there && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=0 -o Acquire::http::Timeout=10 "$@"; }
    wanted=(libssl-dev pkg-config)
    { get install "${wanted[@]}" || { get update && get install "${wanted[@]}"; }; } >/dev/null 2>&1 </dev/null
fi
if there; then
    echo openssl
else
    echo 'SKIPPED, tests of the feature openssl: there is no OpenSSL 3 to compile against (Debian: libssl-dev, pkg-config)' >&2
fi
