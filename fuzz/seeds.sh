#!/bin/sh
# Fills `fuzz/corpus/TARGET/` with inputs to start from, made of the fixtures that the tests have anyway.
# Needs tar and gzip; takes zstd where it is installed. Run it again whenever fixtures were added.
set -eu
cd "$(dirname "$0")/.."
catalog=crates/plimsoll-catalog/testdata
corpus=fuzz/corpus

# seed TARGET NAME: standard input becomes one input.
seed() {
    mkdir -p "$corpus/$1"
    cat > "$corpus/$1/$2"
}

# chosen TARGET NAME CHOICE FILE: the first byte chooses among the paths that the target lists.
chosen() {
    { printf "\\$(printf '%03o' "$3")"; cat "$4"; } | seed "$1" "$2"
}

# texts TARGET PREFIX: each line of standard input becomes one input.
texts() {
    count=0
    while IFS= read -r line; do
        count=$((count + 1))
        printf '%s' "$line" | seed "$1" "$2-$count"
    done
}

# Catalogers of distributions: the choices are the places of PATHS in `catalog_os.rs`.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'ID=debian\nVERSION_ID="12"\nID_LIKE="a b"\nPRETTY_NAME="Debian 12"\n' > "$work/os-release"
printf 'DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\n' > "$work/lsb-release"
printf '3.19.1\n' > "$work/alpine-release"
printf '12.4\n' > "$work/debian_version"
printf 'AlmaLinux release 9.3 (Shamrock Pampas Cat)\n' > "$work/redhat-release"
printf '0123456789abcdef0123456789abcdef  usr/lib/a\n' > "$work/md5sums"
chosen catalog_os os-release 0 "$work/os-release"
chosen catalog_os lsb-release 1 "$work/lsb-release"
chosen catalog_os alpine-release 2 "$work/alpine-release"
chosen catalog_os debian_version 3 "$work/debian_version"
chosen catalog_os redhat-release 4 "$work/redhat-release"
for status in "$catalog"/dpkg/*.status; do
    chosen catalog_os "dpkg-$(basename "$status")" 5 "$status"
    chosen catalog_os "status.d-$(basename "$status")" 6 "$status"
done
chosen catalog_os dpkg-list 7 "$catalog/dpkg/sloop.list"
chosen catalog_os md5sums 8 "$work/md5sums"
chosen catalog_os apk 9 "$catalog/apk/installed"
chosen catalog_os rpm 10 "$catalog/rpm/harbour-512.sqlite"
chosen catalog_os rpm-log 11 "$catalog/rpm/harbour-512.sqlite-wal"

# Catalogers of languages: the same for `catalog_language.rs`.
chosen catalog_language wheel 0 "$catalog/python/wheel/METADATA"
chosen catalog_language egg-info 1 "$catalog/python/develop/PKG-INFO"
chosen catalog_language egg 2 "$catalog/python/probe.egg"
chosen catalog_language node 3 "$catalog/node/scoped/package.json"
chosen catalog_language node-release 4 "$catalog/node/scoped/package.json"
for jar in "$catalog"/java/*.jar "$catalog"/java/*.war; do
    chosen catalog_language "java-$(basename "$jar")" 5 "$jar"
    seed zip "$(basename "$jar")" < "$jar"
done
seed zip egg < "$catalog/python/probe.egg"
# Headers of a real program; what lies behind them is cut off.
head -c 16384 "$(command -v sh)" > "$work/program"
chosen catalog_language program 7 "$work/program"
chosen catalog_language dotnet 8 "$catalog/dotnet/Harbour.deps.json"
chosen catalog_language php 9 "$catalog/php/installed.json"
for file in "$catalog"/ruby/specifications/*.gemspec; do
    chosen catalog_language "$(basename "$file")" 10 "$file"
done

# Lock files: the same for `catalog_lock.rs`.
lock() {
    chosen catalog_lock "$(echo "$2" | tr / -)" "$1" "$catalog/lock/$2"
}
lock 0 cargo/Cargo.lock
lock 1 php/composer.lock
lock 2 ruby/Gemfile.lock
lock 3 go/go.mod.txt
lock 4 gradle/gradle.lockfile
lock 5 hex/mix.lock
for version in v1 v2 v3; do lock 6 "npm/$version/package-lock.json"; done
lock 7 dotnet/packages.lock.json
lock 8 python/Pipfile.lock
lock 9 python/pdm.lock
for version in v5 v6 v9; do lock 10 "pnpm/$version/pnpm-lock.yaml"; done
lock 11 python/poetry.lock
lock 12 maven/pom.xml
lock 13 dart/pubspec.lock
lock 14 python/pylock.toml
lock 15 python/requirements.txt
for version in v1 v2; do lock 16 "swift/$version/Package.resolved"; done
lock 17 python/uv.lock
for version in v1 berry; do lock 18 "yarn/$version/yarn.lock"; done

# Two small layers, in each packing.
mkdir -p "$work/root/var/lib/dpkg" "$work/root/etc" "$work/root/app/node_modules/a"
cp "$catalog/dpkg/states.status" "$work/root/var/lib/dpkg/status"
cp "$work/os-release" "$work/root/etc/os-release"
cp "$catalog/node/scoped/package.json" "$work/root/app/node_modules/a/package.json"
ln -s ../etc/os-release "$work/root/app/link"
ln "$work/root/etc/os-release" "$work/root/etc/twin"
: > "$work/root/app/.wh.gone"
for format in gnu pax ustar; do
    tar --format="$format" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work/root" \
        -cf "$work/$format.tar" .
    for target in tar layer; do
        seed "$target" "$format" < "$work/$format.tar"
        gzip -nc "$work/$format.tar" | seed "$target" "$format-gzip"
        if command -v zstd > /dev/null; then zstd -qc "$work/$format.tar" | seed "$target" "$format-zstd"; fi
    done
done
gzip -nc "$work/pax.tar" > "$work/pax.tar.gz"
cat "$work/pax.tar.gz" "$work/pax.tar.gz" | seed layer two-gzip

# Documents.
find examples/advisories -name '*.json' | sort | head -n 60 | while IFS= read -r file; do
    seed osv "$(basename "$file")" < "$file"
done
printf 'cve,cvss_vector,score,severity,source\nCVE-2021-44228,,10.0,CRITICAL,NVD\n' | seed osv scores
printf '#model_version:v1,score_date:2025-01-01T00:00:00Z\ncve,epss,percentile\nCVE-2021-44228,0.97,0.99\n' > "$work/epss.csv"
chosen sources epss 5 "$work/epss.csv"
printf '{"vulnerabilities":[{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10"}]}' > "$work/kev.json"
chosen sources kev 3 "$work/kev.json"
# Fixtures of the sources; those that are compressed are told by their content and left out.
find crates/plimsoll-advisory/testdata -type f ! -name ORIGIN.md ! -name '*.gz' ! -name '*.bz2' ! -name '*.zst' | sort \
    | while IFS= read -r file; do
    chosen sources "$(echo "${file#crates/plimsoll-advisory/testdata/}" | tr / -)" 1 "$file"
done
printf '{"vulnerabilities":[{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10","dueDate":"2021-12-24"}]}' | seed osv kev
for document in crates/plimsoll-report/testdata/golden/*.json; do
    seed sbom "$(basename "$document")" < "$document"
done
printf '{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}],"relationships":[]}' \
    | seed sbom spdx
find crates/plimsoll-vex/testdata -name '*.json' | sort | while IFS= read -r document; do
    seed vex "$(basename "$(dirname "$document")")-$(basename "$document")" < "$document"
    seed vex_source "$(basename "$(dirname "$document")")-$(basename "$document")" < "$document"
done

# Images.
digest=sha256:$(printf 'ab%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
printf '{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":7},"layers":[{"mediaType":"x","digest":"%s","size":9}]}' \
    "$digest" "$digest" | seed oci manifest
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":7,"platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]}' \
    "$digest" | seed oci index
printf '{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["%s"]},"history":[{"created_by":"RUN x"}]}' \
    "$digest" | seed oci config
printf '[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l/layer.tar"]}]' | seed oci docker-manifest
printf 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n' | seed oci answer
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.plimsoll.database.v2","config":{"mediaType":"application/vnd.plimsoll.database.manifest.v1+json","digest":"%s","size":7},"layers":[{"mediaType":"application/vnd.plimsoll.database.chunk.v2","digest":"%s","size":9,"annotations":{"vnd.plimsoll.partition":"PyPI","vnd.plimsoll.chunk":"0","vnd.plimsoll.first-block":"0","vnd.plimsoll.blocks":"1"}}],"annotations":{"org.opencontainers.image.created":"2026-01-02T03:04:05Z"}}' \
    "$digest" "$digest" | seed artifact manifest
printf '{"critical":{"identity":{"docker-reference":"a/b"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":null}' \
    "$digest" | seed artifact claim
printf '%s\n' '-----BEGIN PUBLIC KEY-----' 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=' '-----END PUBLIC KEY-----' | seed artifact key
texts oci text <<'END'
registry.example/team/app:1.2
localhost:5000/app@sha256:abababababababababababababababababababababababababababababababab
oci-dir:/srv/layout:tag
docker-archive:image.tar
linux/arm64/v8
Bearer realm="https://auth.example/token",service="registry.example",scope="repository:app:pull"
END

# Reports: ours and Trivy's.
seed report own < crates/plimsoll-report/testdata/golden/report.json
seed report trivy < crates/plimsoll-report/testdata/report/trivy.json

# Short texts.
texts purl purl <<'END'
pkg:deb/debian/openssl@1.1.1n-0%2Bdeb11u3?arch=amd64&distro=debian-11
pkg:npm/%40babel/core@7.0.0
pkg:golang/github.com/gorilla/mux@v1.8.0#sub/dir
pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1
END
texts policy condition <<'END'
severity >= HIGH && fixable && !(epss < 0.1)
aliases.exists(a, a.startsWith('GHSA-')) || path.like('usr/**')
kev_due < '2026-03-01' ? known(cvss) : fix_state in ['will_not_fix', "fixed"]
CVE-2026-1 exp:2026-03-01
END
for preset in crates/plimsoll-gate/src/presets/*.toml; do
    seed policy "$(basename "$preset")" < "$preset"
done
printf '[[waivers]]\nid = "CVE-2026-1"\nowner = "a"\nreason = "accepted-risk"\nexpires = 2026-03-31\n' | seed policy own
printf 'vulnerabilities:\n  - id: CVE-2026-1\n    paths: ["app/**"]\n    expired_at: 2026-03-01\n' | seed policy trivy
printf 'ignore:\n  - vulnerability: CVE-2026-1\n    package: {name: openssl, type: deb}\n' | seed policy grype
printf '[[IgnoredVulns]]\nid = "GO-2022-0968"\nignoreUntil = 2026-03-01\n' | seed policy osv
# Parquet files with a column `ID` of text, and but for the first `Score` of numbers: plain, second form of pages, deltas.
base64 -d > "$work/tiny.parquet" <<'END'
UEFSMRUEFQoVCkwVAhUAEgAAAQAAAHgVABUSFRIsFQIVEBUGFQYcAAAAAgAAAAIBAQIAFQQZLDUAGAZzY2hlbWEVAgAVDCUCGAJJRCUATBwAAA
AWAhkcGRwmABwVDBk1AAYQGRgCSUQVABYCFl4WXiYuJggpLBUEFQAVAgAVABUQFQIAPBYCGQYZJgACAAAAFl4WAiYIFl4AKCBwYXJxdWV0LWNw
cC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRkcHAAAAI4AAABQQVIx
END
base64 -d > "$work/pages.parquet" <<'END'
UEFSMRUEFSQVJEwVBBUAEgAABQAAAENWRS0xBQAAAENWRS0yFQYVChUKXBUEFQAVBBUQFQQVABIcNgAoBUNWRS0yGAVDVkUtMRERAAAABAEBAw
IVBBUgFSBMFQQVABIAAAEAAAAAAAAAAgAAAAAAAAAVBhUKFQpcFQQVABUEFRAVBBUAEhwYCAIAAAAAAAAAGAgBAAAAAAAAABYAKAgCAAAAAAAA
ABgIAQAAAAAAAAAREQAAAAQBAQMCFQQZPDUAGAZzY2hlbWEVBAAVDCUCGAJJRCUATBwAAAAVBCUCGAVTY29yZQAWBBkcGSwmABwVDBk1AAYQGR
gCSUQVABYEFp4BFp4BJkgmCBw2ACgFQ1ZFLTIYBUNWRS0xEREAGSwVBBUAFQIAFQAVEBUCADwWFBkGGSYABAAAACYAHBUEGTUABhAZGAVTY29y
ZRUAFgQWzgEWzgEm4gEmpgEcGAgCAAAAAAAAABgIAQAAAAAAAAAWACgIAgAAAAAAAAAYCAEAAAAAAAAAEREAGSwVBBUAFQIAFQAVEBUCADwpBh
kmAAQAAAAW7AIWBCYIFuwCACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZLBwAABwAAAAfAQAAUEFSMQ==
END
base64 -d > "$work/delta.parquet" <<'END'
UEFSMRUAFUAVQCwVBBUOFQYVBhw2ACgFQ1ZFLTIYBUNWRS0xEREAAAACAAAABAGAAQQCAAgAAAAAgAEEAgoHAAAAAENWRS0xMhUAFSAVICwVBB
UKFQYVBhwYCAIAAAAAAAAAGAgBAAAAAAAAABYAKAgCAAAAAAAAABgIAQAAAAAAAAAREQAAAAIAAAAEAYACBAICAgAAAAAVBBk8NQAYBnNjaGVt
YRUEABUMJQIYAklEJQBMHAAAABUEJQIYBVNjb3JlABYEGRwZLCYAHBUMGSUGDhkYAklEFQAWBBaKARaKASYIPDYAKAVDVkUtMhgFQ1ZFLTEREQ
AZHBUAFQ4VAgA8FhQZBhkmAAQAAAAmABwVBBklBgoZGAVTY29yZRUAFgQWngEWngEmkgE8GAgCAAAAAAAAABgIAQAAAAAAAAAWACgIAgAAAAAA
AAAYCAEAAAAAAAAAEREAGRwVABUKFQIAPCkGGSYABAAAABaoAhYEJggWqAIAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRksHA
AAHAAAAAoBAABQQVIx
END
count=0
while IFS= read -r statement; do
    count=$((count + 1))
    for parquet in tiny pages delta; do
        { printf '\003%s\n' "$statement"; cat "$work/$parquet.parquet"; } | seed select "$parquet-$count"
    done
    printf '\000%s\n[{"Vulnerabilities":[{"ID":"CVE-1","Score":7.50,"Tags":["a",null]}]}]' "$statement" | seed select "document-$count"
    printf '\001%s\n{"ID":"CVE-1","Score":1e1,"d":"2017-01-02T03:04Z"}\n{}\n' "$statement" | seed select "lines-$count"
    printf '\006%s\nID,Score\nCVE-1,"7,50"\n#\n2\n' "$statement" | seed select "csv-$count"
done <<'END'
SELECT * FROM S3Object
SELECT v.ID, v."Score" + 1 AS x FROM S3Object[*]._1[0].Vulnerabilities[*] v WHERE v.Tags[1] IS NULL LIMIT 2
SELECT COUNT(*), SUM(CAST(s.Score AS DECIMAL)), AVG(Score), MIN(ID), MAX(ID) FROM S3Object s WHERE ID LIKE 'C%!_' ESCAPE '!'
SELECT CASE WHEN ID IN ('a', 'b') THEN 1 ELSE COALESCE(NULLIF(ID, ''), MISSING) END FROM S3Object WHERE Score BETWEEN 1 AND 9
SELECT TRIM(BOTH 'C' FROM ID), SUBSTRING(ID FROM 2 FOR 3), CHAR_LENGTH(ID) || 'x' FROM S3Object WHERE NOT (ID <> '\')
SELECT EXTRACT(year FROM TO_TIMESTAMP(d)), DATE_ADD(month, 1, `2010T`), TO_STRING(d, 'y-MM-dd') FROM S3Object
END
for file in crates/plimsoll-template/testdata/shop/template.yml crates/plimsoll-template/testdata/shop/buildspecs/*.yml; do
    seed template "$(basename "$file")" < "$file"
done
printf '\003version: 0.2\nrun-as: u\nenv:\n  shell: bash\n  variables: {A: 1, B: yes}\n  parameter-store: {P: /p}\n  secrets-manager: {S: "id:key:stage"}\n  exported-variables: [A]\nphases:\n  install:\n    runtime-versions: {python: 3.x}\n    on-failure: RETRY-3-.*x\n    commands:\n      - |\n        fuzz\n    finally: [fuzz-secret]\nreports: {r: {files: "**/*", file-format: junitxml}}\nartifacts:\n  files: ["**/*.{jar,war}"]\n  discard-paths: yes\n  secondary-artifacts: {a: {files: [x]}}\ncache: {key: k, fallback-keys: [f], paths: [p]}\n' | seed buildspec whole
printf '\001version: 0.1\nenvironment_variables:\n  plaintext: {A: b}\nphases: {build: {commands: [make]}}\n' | seed buildspec old
printf '\002[parameters]\np = "fuzz"\n[secrets.s]\nk = "AKIAIOSFODNN7EXAMPLE"\n' | seed buildspec secrets
printf '\005**/a[!b-d]?/{x,y}*\na/ae1/y1' | seed buildspec pattern
texts commit commit <<'END'
Fixed yum for image ::mysql:latest
`::org/name:1.2`, "::a", (::registry.example:5000/b@sha256:abababababababababababababababababababababababababababababababab).
::a,::b;::$(id) ::1 [::1]:80 ::std::vec # ::x **::c's** :: ::../../etc
END
texts cvss cvss <<'END'
CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H
CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N
AV:N/AC:L/Au:N/C:P/I:P/A:P
CVSS:3.0/AV:L/AC:H/PR:H/UI:R/S:C/C:L/I:N/A:N/E:P/RL:O/RC:C
END
# These two take several texts at once, which the fuzzer's own encoding packs; versions are what it needs most.
for table in crates/plimsoll-version/testdata/*.txt; do
    name=$(basename "$table" .txt)
    grep -v '^#' "$table" | grep . | head -n 40 | texts version "$name"
    grep -v '^#' "$table" | grep . | head -n 40 | texts version_range "$name"
done

for target in "$corpus"/*/; do
    echo "$(basename "$target"): $(find "$target" -type f | wc -l)"
done

# Answers of AWS's services.
printf '{"Parameters":[{"Name":"/a","ARN":"arn:aws:ssm:r:1:parameter/a","Value":"v"}]}' | seed aws parameters
printf '{"SecretBinary":"dGhyZWU="}' | seed aws secret
printf '{"authorizationData":[{"authorizationToken":"QVdTOmE=","expiresAt":1.7e9}]}' | seed aws token
printf '{"imageDetails":[{"imageDigest":"sha256:a","imageTags":["1"],"imagePushedAt":1.7e9}],"nextToken":"n"}' | seed aws images
printf '{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"none"}' | seed aws refusal
printf '<E><Error><Code>AccessDenied</Code><Message>no</Message></Error></E>' | seed aws xml
printf '{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t","Expiration":"2026-01-01T00:00:00Z"}' | seed aws keys
printf '123456789012.dkr.ecr.eu-central-1.amazonaws.com' | seed aws host
printf '[profile a]\nregion = b\ns3 =\n  addressing_style = path\n' | seed aws profile
