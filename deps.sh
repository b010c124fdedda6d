#!/bin/sh
# Installs what building, testing, fuzzing and the demonstration need on Debian 12: packages, cargo-deny, cargo-fuzz, crates.
set -eu
cd "$(dirname "$0")"

packages="
    krb5-kdc krb5-admin-server krb5-user libkrb5-dev
    libfido2-dev libssl-dev zlib1g-dev
    libclang-dev pkg-config gcc g++ libc6-dev make
    publicsuffix util-linux procps binutils iproute2 umockdev valgrind
    pamtester python3-gssapi openssh-client libwrap0 curl
    ldap-utils libltdl7
    openssl python3 libkrad0
    bash groff-base
"
# Installed, these would start servers, take part in every login of this machine, and have its KDC wait for a directory: tests
# take them from target/deb.
unpacked="openssh-server krb5-kpropd slapd libpam-krb5 krb5-kdc-ldap"
# Installed, these would have a module in every login and every KDC, here and elsewhere.
aside="krb5-pkinit krb5-otp"

# For tests/compat.sh, which installs them all elsewhere, and then moves the modules of the last ones aside.
if [ "${1-}" = packages ]; then
    # shellcheck disable=SC2086 # a list of words
    echo $packages $unpacked $aside
    exit
fi

is_installed() {
    case $(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null || true) in
        ii*) ;;
        *) return 1 ;;
    esac
}

if [ "$(id -u)" -eq 0 ]; then sudo=""; else sudo="sudo"; fi

missing=""
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
absent=""
for package in $unpacked $aside; do
    is_installed "$package" || [ -d "target/deb/$package" ] || absent="$absent $package"
done

if [ -n "$missing$absent" ]; then
    $sudo apt-get update -q
fi
if [ -n "$missing" ]; then
    # A KDC that is installed for its programs alone has nothing to ask and nothing to start.
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi
for package in $absent; do
    part=target/deb/$package.part
    rm -rf "$part"
    mkdir -p "$part"
    (cd "$part" && apt-get download -q "$package")
    dpkg -x "$part"/*.deb "$part/files"
    mv "$part/files" "target/deb/$package"
    rm -r "$part"
done

cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny@0.20.2
cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz@0.13.2
cargo fetch --locked
cargo fetch --locked --manifest-path fuzz/Cargo.toml
