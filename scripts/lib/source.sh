# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian source packages with a series of ours on top. Source it after common.sh.

# source_version SUITE PACKAGE UPSTREAM: print the newest version of the source PACKAGE in SUITE that
# is of the upstream version UPSTREAM, or of one that begins so.
source_version() {
    private_apt "src:$1" apt-cache showsrc --only-source "$2" |
        sed -n 's/^Version: //p' | grep -E "^([0-9]+:)?${3//./\\.}[.+~-]" | sort -V | tail -n 1 |
        grep . || {
        say "Debian $1 has no $2 $3"
        return 1
    }
}

# download_source SUITE PACKAGE VERSION DIR: put the files of a source package into DIR.
download_source() {
    say "fetching the source of $2 $3 from Debian $1"
    (cd "$4" && private_apt "src:$1" apt-get source -qq --download-only --only-source "$2=$3") >&2
}

# unpack_source DOWNLOADED DIR: unpack a source package with the distribution's own series into DIR,
# which must not exist. apt has verified the files, their signature needs no second check.
unpack_source() {
    dpkg-source --no-check -x "$1"/*.dsc "$2" >/dev/null
}

# apply_series SERIES-FOLDER TREE: apply the patches that its `series` names to TREE, in order. A
# patch that does not fit to the line is refused: it may have landed in the wrong place.
apply_series() {
    local name output
    while read -r name; do
        [[ -z $name || $name == \#* ]] && continue
        output=$(patch -d "$2" -p1 --fuzz=0 --no-backup-if-mismatch --force <"$1/$name") || {
            printf '%s\n' "$output" >&2
            say "$name does not apply"
            return 1
        }
        if grep -E 'offset|fuzz' <<<"$output" >&2; then
            say "$name applies, but not where it says: refresh the series"
            return 1
        fi
    done <"$1/series"
}
