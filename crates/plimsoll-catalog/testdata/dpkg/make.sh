#!/bin/sh
# Makes `states.status` and `sloop.list` again with dpkg itself, in a new temporary root. Run it under fakeroot.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(mktemp -d)
root="$top/root"
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers"
: > "$root/var/lib/dpkg/status"

# package name, version, further fields
package() {
    mkdir -p "$top/$1/DEBIAN" "$top/$1/usr/share/$1" "$top/$1/etc"
    {
        echo "Package: $1"
        echo "Version: $2"
        echo "Architecture: all"
        echo "Maintainer: Plimsoll Tests <tests@example.org>"
        [ $# -lt 3 ] || echo "$3"
        echo "Description: a package made to be read in tests"
        echo " Version: 9.9 stands here in a folded line."
    } > "$top/$1/DEBIAN/control"
    echo 1 > "$top/$1/usr/share/$1/data"
}
pack() {
    dpkg-deb --root-owner-group -b "$top/$1" "$top/$1.deb" > /dev/null
}
run() {
    dpkg --root="$root" --force-not-root --force-script-chrootless --force-bad-path --log=/dev/null "$@" || true
}

package sloop '1.2.3-4+b1' 'Source: rigging (1.2.3-4)'
mkdir -p "$top/sloop/usr/lib/python3/dist-packages/sloop-1.2.3.egg-info"
printf 'Name: sloop\nVersion: 1.2.3\n' > "$top/sloop/usr/lib/python3/dist-packages/sloop-1.2.3.egg-info/PKG-INFO"
package ketch '2:4.5~rc1-1' 'Source: rigging'
package yawl '0.1' 'Depends: never-there'
package brig '3.0-1'
printf '#!/bin/sh\nexit 1\n' > "$top/brig/DEBIAN/postinst"
chmod 755 "$top/brig/DEBIAN/postinst"
package dinghy '1-1'
echo 1 > "$top/dinghy/etc/dinghy.conf"
echo /etc/dinghy.conf > "$top/dinghy/DEBIAN/conffiles"
for name in sloop ketch yawl brig dinghy; do pack $name; done

run -i "$top/sloop.deb" "$top/ketch.deb" "$top/dinghy.deb"
run --unpack "$top/yawl.deb"
run -i "$top/brig.deb"
run --remove dinghy
cp "$root/var/lib/dpkg/status" "$here/states.status"
cp "$root/var/lib/dpkg/info/sloop.list" "$here/sloop.list"
