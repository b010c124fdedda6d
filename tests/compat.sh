#!/bin/sh
# Builds and tests the workspace inside another Debian, against the krb5 of that Debian: tests/compat.sh SUITE
#
# The Debian is a folder that debootstrap fills from the mirror in this machine's own apt configuration; COMPAT_MIRROR names
# another. It lies in COMPAT_DIR, target/compat by default, with a target directory and a log beside it, and is used again
# while it is complete: remove it to get newer packages.
#
# Inside there are the workspace and the Rust toolchain of this machine, read-only and at their own paths, and no network
# but loopback. All of that is in namespaces of its own: nothing stays mounted, and nothing stays running.
set -eu

fail() {
    echo "compat.sh: $*" >&2
    exit 1
}

# Runs as the first process of the new namespaces, with the machine's files still in sight.
enter() {
    folder=$1 workspace=$2 target=$3 sysroot=$4 cargo_home=$5
    mount --bind "$folder" "$folder"
    for directory in tmp run var/tmp; do
        mount -t tmpfs tmpfs "$folder/$directory"
    done
    mount -t proc proc "$folder/proc"
    mount --rbind /sys "$folder/sys"
    mount --rbind /dev "$folder/dev"
    for directory in "$sysroot" "$cargo_home" "$workspace"; do
        mkdir -p "$folder$directory"
        mount --bind -o ro "$directory" "$folder$directory"
    done
    mount --bind "$target" "$folder$workspace/target"
    mount -o remount,bind,ro "$folder"

    # chroot alone would not do: the test of the installation makes a user namespace, which a changed root forbids.
    cd "$folder"
    pivot_root . .
    umount -l .
    cd "$workspace"
    ip link set lo up
    # Not exec: this shell stays the process that reaps what others leave.
    env -i PATH="$sysroot/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root LANG=C.UTF-8 \
        CARGO_HOME="$cargo_home" CARGO_NET_OFFLINE=true make test TESTFLAGS=--no-fail-fast
}

if [ "${1-}" = enter ]; then
    shift
    enter "$@"
    exit
fi

[ $# -eq 1 ] || fail "usage: tests/compat.sh SUITE"
suite=$1
cd "$(dirname "$0")/.."
if [ "$(id -u)" -eq 0 ]; then sudo=""; else sudo="sudo"; fi

compat=$(realpath -m "${COMPAT_DIR:-target/compat}")
folder=$compat/$suite
target=$compat/$suite-target
log=$compat/$suite.log
# Written last. A folder without it is half made; one with another list lacks something.
complete=$folder/.complete
# Newer Debians have GSSAPI in an OpenSSH of its own.
packages=$(./deps.sh packages | sed 's/openssh-[a-z]*/&-gssapi/g')

make_folder() {
    [ -x /usr/sbin/debootstrap ] || fail "debootstrap is missing: apt-get install debootstrap"
    mirror=${COMPAT_MIRROR:-$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' 'Label: Debian' | head -n 1)}
    [ -n "$mirror" ] || fail "apt knows no mirror of Debian here: apt-get update, or set COMPAT_MIRROR"
    echo "== Debian $suite from $mirror into $folder"
    $sudo rm -rf --one-file-system "$folder"
    $sudo unshare --mount --pid --fork --kill-child debootstrap --variant=minbase \
        --include="$(echo "$packages" | tr ' ' ,)" "$suite" "$folder" "$mirror" ||
        fail "packages of Debian $suite could not be loaded from $mirror: see above and $folder/debootstrap/debootstrap.log"
    set_aside
    echo "$packages" | $sudo tee "$complete" >/dev/null
}

# Modules that every KDC and every client would load where they are: tests take them from where deps.sh would have unpacked them.
set_aside() {
    for module in pkinit otp; do
        find "$folder/usr/lib" -path "*/krb5/plugins/preauth/$module.so" | while read -r file; do
            place=$folder/aside/krb5-$module${file#"$folder"}
            $sudo mkdir -p "${place%/*}"
            $sudo mv "$file" "$place"
        done
    done
}

version() {
    dpkg-query --admindir="$folder/var/lib/dpkg" -W -f '${Version}' "$1"
}

sysroot=$("${RUSTC:-rustc}" --print sysroot)
cargo_home=${CARGO_HOME:-$HOME/.cargo}
case $sysroot in
    /usr) fail "needs a Rust toolchain outside /usr, which the other Debian has of its own: rustup's" ;;
esac
"${CARGO:-cargo}" fetch --locked --quiet

mkdir -p target "$target"
[ "$(cat "$complete" 2>/dev/null)" = "$packages" ] || make_folder
mkdir -p "$target/deb"
cp -R "$folder/aside/." "$target/deb"
against="Debian $suite, krb5 $(version krb5-kdc), libfido2 $(version libfido2-1), libc $(version libc6)"
echo "== Building and testing on $against"

started=$(date +%s)
rm -f "$target/status"
{
    failed=0
    $sudo unshare --mount --net --pid --fork --kill-child \
        "$PWD/tests/compat.sh" enter "$folder" "$PWD" "$target" "$sysroot" "$cargo_home" || failed=$?
    echo "$failed" >"$target/status"
} 2>&1 | tee "$log"

awk -v against="$against" -v seconds=$(($(date +%s) - started)) '
    /^test result: / { passed += $4; failed += $6; ignored += $8 }
    /^test .* \.\.\. (FAILED|ignored)/ { print }
    END { printf "== %s: %d tests passed, %d failed, %d ignored; %d s\n", against, passed, failed, ignored, seconds }
' "$log"
exit "$(cat "$target/status")"
