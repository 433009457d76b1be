# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What scripts/patches does with the series of libvirt. It sources this after libvirt.sh, and has git_in,
# write_series, run_logged and apply_series.

libvirt_version=11.3
libvirt_series=$SPM_ROOT/patches/libvirt/$libvirt_version

# The tests that have to do with memory devices, their XML and their emulators.
libvirt_tests=(qemuxmlconftest virschematest qemucapabilitiestest domaincapstest qemuhotplugtest
    qemumonitorjsontest qemusecuritytest qemumemlocktest genericxml2xmltest qemucaps2xmltest qemuxmlactivetest)

# unpack_libvirt_series DIR: make the new git tree DIR, with the tag "base" and the branch "series". The
# subprojects stay out of git: libvirt's syntax-check would judge them as well.
unpack_libvirt_series() {
    local dir=$1 name
    [[ ! -e $dir ]] || die "$dir exists"
    unpack_libvirt "$libvirt_version" "$dir"
    git_in "$dir" init -q -b series
    echo /subprojects/ >>"$dir/.git/info/exclude"
    git_in "$dir" add -fA -- . ':!subprojects'
    git_in "$dir" commit -q -m "libvirt $libvirt_version"
    git_in "$dir" tag base
    while read -r name; do
        git_in "$dir" am -q --keep-cr "$libvirt_series/$name"
    done <"$libvirt_series/series"
}

# refresh_libvirt_series DIR: write the series from base..series of that tree.
refresh_libvirt_series() {
    write_series "$1" "$libvirt_series"
}

# check_libvirt_text: the series as files.
check_libvirt_text() {
    rm -rf "$work/before" "$work/patched"
    cp -a "$libvirt_series" "$work/before"
    refresh_libvirt_series "$work/tree"
    diff -r "$work/before" "$libvirt_series" >&2 || die "the series of libvirt is not what refresh writes"
    say "libvirt: $(wc -l <"$libvirt_series/series") patches, refreshing changes nothing"

    mkdir "$work/patched"
    git_in "$work/tree" archive base | tar -x -C "$work/patched"
    apply_series "$libvirt_series" "$work/patched"
    git_in "$work/tree" checkout -q series
    diff -r --no-dereference -x .git -x subprojects "$work/patched" "$work/tree" >&2 || die "patch makes another tree than git"
    say "libvirt: it applies without fuzz and offset"
}

# build_libvirt_tests TITLE: the programs of the tests, the libraries that stand in for the system's, and
# what the series changes besides.
build_libvirt_tests() {
    local mocks
    # A change to the build description takes effect first.
    ninja -C "$work/build" build.ninja >/dev/null
    mapfile -t mocks < <(ninja -C "$work/build" -t targets all | sed -nE 's,^(tests/[^/]*mock\.so): .*,\1,p')
    run_logged "$1" "$work/compile.log" ninja -C "$work/build" -j"${SPM_JOBS:-$(nproc)}" \
        "${libvirt_tests[@]/#/tests/}" "${mocks[@]}" src/virt-aa-helper src/libvirt_driver_qemu.so src/libvirtd
}

# run_libvirt_tests FILE: run the tests, and write "TEST PASSED" for each of them into FILE.
run_libvirt_tests() {
    run_logged "running libvirt's own tests" "$work/tests.log" env VIR_TEST_DEBUG=1 \
        meson test -C "$work/build" --no-rebuild -t 10 "${libvirt_tests[@]}" || return
    python3 -B "$SPM_ROOT/scripts/lib/libvirt-totals.py" "$work/build/meson-logs/testlog.json" >"$1"
    [[ $(wc -l <"$1") == "${#libvirt_tests[@]}" ]] || die "not all of ${libvirt_tests[*]} were run"
}

# check_libvirt_style FILE: run syntax-check, and write the names of the rules that fail into FILE. One does without
# the series: sc_po_check wants files that only a build of all drivers makes.
check_libvirt_style() {
    run_logged "running libvirt's syntax-check" "$work/style.log" \
        sh -c '"$@" || true' sh meson test -C "$work/build" --no-rebuild --suite syntax-check -t 10
    grep -q '^Ok: ' "$work/style.log" || die "libvirt's syntax-check did not run"
    sed -nE 's,^.*syntax-check / ([^ ]+) +(FAIL|TIMEOUT|ERROR) .*,\1,p' "$work/style.log" | sort >"$1"
}

# compare_libvirt_totals SUBJECT: no test lost a case.
compare_libvirt_totals() {
    local name before after
    while read -r name before after; do
        ((after >= before)) || die "$1: $name has $after cases, without the series $before"
    done < <(join "$work/totals-base" "$work/totals")
}

# update_libvirt_tree: put the series into $work/tree. What is there of an earlier run stays where it is the same, so
# that only what differs is compiled again.
update_libvirt_tree() {
    if [[ ! -d $work/tree ]]; then
        unpack_libvirt_series "$work/tree"
        return
    fi
    rm -rf "$work/new"
    unpack_libvirt_series "$work/new"
    git_in "$work/tree" checkout -q --detach
    git_in "$work/tree" fetch -q --force "$work/new" +refs/heads/series:refs/heads/series +refs/tags/base:refs/tags/base
    rm -rf "$work/new"
}

# check_libvirt_commit COMMIT FILE TITLE: build and test a state of the tree, unless the same files passed before. The
# totals are in FILE.
check_libvirt_commit() {
    local files
    files=$(git_in "$work/tree" rev-parse "$1^{tree}")
    if [[ -f $work/passed ]] && grep -qx "$files" "$work/passed"; then
        say "it passed before: $3"
        return
    fi
    git_in "$work/tree" checkout -q "$1"
    build_libvirt_tests "building $3"
    run_libvirt_tests "$2"
    [[ $2 == "$work/totals-base" ]] || compare_libvirt_totals "$3"
    echo "$files" >>"$work/passed"
}

check_libvirt() {
    local work commit new
    if [[ -n ${SPM_PATCHES-} ]]; then
        mkdir -p "$SPM_PATCHES/check-libvirt"
        work=$(cd "$SPM_PATCHES/check-libvirt" && pwd)
    else
        work=$(mktemp -d "$SPM_CACHE/.patches-libvirt.XXXXXX")
        # shellcheck disable=SC2064 # the folder of now
        trap "rm -rf '$work'" EXIT
    fi
    say "libvirt $libvirt_version: unpacking"
    update_libvirt_tree
    check_libvirt_text

    git_in "$work/tree" checkout -q base
    # shellcheck disable=SC2046 # several options. Quickly built, and tests create folders below the prefix.
    [[ -f $work/build/build.ninja ]] || run_logged "configuring libvirt" "$work/configure.log" \
        meson setup "$work/build" "$work/tree" --prefix="$work/prefix" -Doptimization=0 -Dtests=enabled \
        $(libvirt_configure_options)
    check_libvirt_commit base "$work/totals-base" "libvirt without the series"
    check_libvirt_style "$work/style-base"
    for commit in $(git_in "$work/tree" rev-list --reverse base..series); do
        check_libvirt_commit "$commit" "$work/totals" "up to: $(git_in "$work/tree" log -1 --format=%s "$commit")"
    done
    git_in "$work/tree" checkout -q series
    check_libvirt_style "$work/style"
    new=$(comm -13 "$work/style-base" "$work/style")
    [[ -z $new ]] || die "syntax-check fails with the series: $new"
    say "libvirt: every patch builds and passes the tests; cases without the series, and with it:"
    join "$work/totals-base" "$work/totals" >&2
    echo "libvirt $libvirt_version: the series is fine"
}
