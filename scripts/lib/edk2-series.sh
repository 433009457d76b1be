# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What scripts/patches does with the series of edk2. It sources this and has git_in, apply_series and write_series.

# unpack_edk2 VERSION DIR: make the new git tree DIR, with the tag "base" and the branch "series". The base is what is
# left of the patched tree when the series is taken out again.
unpack_edk2() {
    local dir=$2 series=$SPM_ROOT/patches/edk2/$1 name
    mkdir -p "$(dirname "$dir")"
    "$SPM_ROOT/scripts/build-edk2" --source "$dir" "$1"
    rm -rf "$dir/.pc"
    tac "$series/series" | while read -r name; do
        patch -d "$dir" -R -p1 --fuzz=0 --no-backup-if-mismatch --force <"$series/$name" >/dev/null
    done
    git_in "$dir" init -q -b series
    git_in "$dir" add -fA
    git_in "$dir" commit -q -m "Debian's edk2 $1"
    git_in "$dir" tag base
    while read -r name; do
        git_in "$dir" am -q --keep-cr --quoted-cr=nowarn --whitespace=nowarn "$series/$name"
    done <"$series/series"
}

# refresh_edk2 VERSION DIR: write the series from base..series of that tree.
refresh_edk2() {
    write_series "$2" "$SPM_ROOT/patches/edk2/$1"
}

# check_edk2 VERSION...: refreshing changes nothing, it applies without fuzz and offset, and the tree builds. OVMF's
# guests are tests of scripts/check.
check_edk2() {
    local version series work
    for version; do
        series=$SPM_ROOT/patches/edk2/$version
        work=$(mktemp -d "$SPM_CACHE/.patches-edk2.XXXXXX")
        # shellcheck disable=SC2064 # the folder of now
        trap "rm -rf '$work'" EXIT
        say "edk2 $version: unpacking, which applies the series without fuzz and offset"
        unpack_edk2 "$version" "$work/tree"
        cp -a "$series" "$work/before"
        refresh_edk2 "$version" "$work/tree"
        diff -r "$work/before" "$series" >&2 || die "the series of edk2 $version is not what refresh writes"
        "$SPM_ROOT/scripts/build-edk2" "$version" >/dev/null
        rm -rf "$work"
        echo "edk2 $version: the series is fine"
    done
}
