#!/bin/sh
# Makes the databases of this folder again, in a new temporary folder. Needs rpm with rpmbuild, gpg, sqlite3 and zstd.
# The bytes differ from run to run: rpm records the time of installation, and the key is new.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(mktemp -d)
cd "$top"

build() {
    SOURCE_DATE_EPOCH=1700000000 rpmbuild --quiet -bb --define "_topdir $top" --define "dist .el9" \
        --define "_build_id_links none" --define "__os_install_post %{nil}" --define "_buildhost build.example" \
        --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
        --define "__find_provides %{nil}" --define "__find_requires %{nil}" "$1"
}
install() {
    database=$1
    shift
    rpm --justdb --nodeps --noscripts --ignorearch --force --dbpath "$top/$database" -i "$@"
}

mkdir -m 700 SOURCES keys && touch SOURCES/none.txt
sed 's/^Version:        1.2.3/Version:        1.3.0/' "$here/harbour.spec" > newer.spec
bash "$here/mkfleet.sh" > fleet.spec
build "$here/harbour.spec"
build newer.spec
build fleet.spec

gpg --homedir keys --batch --passphrase '' --quick-gen-key 'Plimsoll Tests <tests@example.org>' rsa2048 sign never
gpg --homedir keys --armor --export > key.asc
mkdir harbour fleet
rpm --dbpath "$top/harbour" --initdb
rpm --dbpath "$top/harbour" --import key.asc
install harbour RPMS/x86_64/harbour-1.2.3-*.rpm RPMS/x86_64/harbour-libs-1.2.3-*.rpm RPMS/x86_64/buoy-1.2.3-*.rpm \
    RPMS/noarch/harbour-data-*.rpm
install harbour RPMS/x86_64/harbour-1.3.0-*.rpm
rpm --dbpath "$top/fleet" --initdb
install fleet RPMS/noarch/ship*.rpm
rpm --justdb --nodeps --noscripts --dbpath "$top/fleet" -e ship007 ship030

zstd -q -19 -f harbour/rpmdb.sqlite -o "$here/harbour.sqlite.zst"
zstd -q -19 -f fleet/rpmdb.sqlite -o "$here/fleet.sqlite.zst"
# Not in place: sqlite3 would take up the log that lies beside the old file.
cp harbour/rpmdb.sqlite small.sqlite
sqlite3 small.sqlite 'PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM;'
cp small.sqlite "$here/harbour-512.sqlite"
sqlite3 small.sqlite 'PRAGMA journal_mode=WAL; DELETE FROM Packages WHERE hnum=1;' \
    ".shell cp small.sqlite-wal $here/harbour-512.sqlite-wal"
