#!/bin/sh
# Installs what building, testing, fuzzing and the demonstration need on Debian 12: packages, cargo-deny, cargo-fuzz, crates.
set -eu
cd "$(dirname "$0")"

packages="
    krb5-kdc krb5-admin-server krb5-user libkrb5-dev
    libfido2-dev libssl-dev zlib1g-dev
    libclang-dev pkg-config gcc g++ libc6-dev make
    publicsuffix util-linux procps binutils iproute2 umockdev valgrind
"

# For tests/compat.sh, which installs them elsewhere.
if [ "${1-}" = packages ]; then
    # shellcheck disable=SC2086 # a list of words
    echo $packages
    exit
fi

missing=""
for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    case $status in
        ii*) ;;
        *) missing="$missing $package" ;;
    esac
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" -eq 0 ]; then sudo=""; else sudo="sudo"; fi
    # A KDC that is installed for its programs alone has nothing to ask and nothing to start.
    $sudo apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny@0.20.2
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz@0.13.2
cargo fetch --locked
cargo fetch --locked --manifest-path fuzz/Cargo.toml
