# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian's own packages of the emulator and its firmware with our series. Source this file after common.sh and source.sh.
#
# The unpacked tree is Debian's, with the series in debian/patches/spm and an entry in debian/changelog. debian/rules and
# some lists are changed so that only the packages in `rebuilt_packages` are built.

# The upstream version of a source package in a suite; patches/PACKAGE/VERSION has the series for it.
declare -rA rebuilt_versions=(
    [qemu-bookworm]=7.2 [qemu-trixie]=10.0
    [seabios-bookworm]=1.16.2 [seabios-trixie]=1.16.3
    [edk2-bookworm]=2022.11 [edk2-trixie]=2025.02
)

# The binary packages to build. A suite may not have all of them.
declare -rA rebuilt_packages=(
    [qemu]="qemu-system-x86 qemu-system-common qemu-system-gui qemu-system-modules-spice qemu-system-modules-opengl
        qemu-block-extra qemu-utils"
    [seabios]=seabios
    [edk2]=ovmf
)

# What dpkg-buildpackage builds: packages for one architecture or for all.
declare -rA rebuilt_scopes=([qemu]=--build=any [seabios]=--build=all [edk2]=--build=all)

# Debian's build profiles. use-upstream-vdso: qemu-user needs these files, and it is not built.
declare -rA rebuilt_profiles=([qemu]="nocheck pkg.qemu.use-upstream-vdso" [seabios]=nocheck [edk2]=nocheck)

# The number that a suite has in the versions of its updates.
declare -rA suite_numbers=([bookworm]=12 [trixie]=13)

# is_rebuilt PACKAGE SUITE: there is a series for it.
is_rebuilt() {
    [[ -n ${rebuilt_versions[$1-$2]:-} ]]
}

# rebuilt_version VERSION SUITE: print the version of the package with our series. Debian's next update is newer, a
# rebuild of the same source (VERSION+b1) is not. The first update of X is X+deb12u1, which is older than X+spm1.
rebuilt_version() {
    local version=$1
    [[ $version =~ [+~]deb${suite_numbers[$2]}u[0-9]+ ]] || version+=+deb${suite_numbers[$2]}u0
    printf '%s+spm1\n' "$version"
}

# next_version VERSION SUITE: print what the version of Debian's next update would be.
next_version() {
    if [[ $1 =~ ^(.*[+~]deb${suite_numbers[$2]}u)([0-9]+)$ ]]; then
        printf '%s%d\n' "${BASH_REMATCH[1]}" "$((BASH_REMATCH[2] + 1))"
    else
        printf '%s+deb%du1\n' "$1" "${suite_numbers[$2]}"
    fi
}

# fetch_rebuilt PACKAGE SUITE: print the cached folder that has the newest source package, which may be a security update.
fetch_rebuilt() {
    local version suites="$2 src:$2-security" download=download_source
    version=$(source_version "$suites" "$1" "${rebuilt_versions[$1-$2]}") || return
    [[ $1 != edk2 ]] || download=download_tarballs
    cached "source-$1-${version#*:}" "$download" "$suites" "$1" "$version"
}

# download_tarballs SUITE PACKAGE VERSION DIR: put a source package without its .dsc into DIR. The mirror does not have
# the .dsc of each version of edk2.
download_tarballs() {
    local part
    say "fetching the source of $2 $3"
    for part in tar diff; do
        (cd "$4" && private_apt "src:$1" apt-get source -qq --download-only --only-source "--$part-only" "$2=$3") >&2 ||
            return
    done
}

# unpack_rebuilt PACKAGE SUITE DIR: unpack the source package with our series into the new folder DIR.
unpack_rebuilt() {
    local downloaded
    downloaded=$(fetch_rebuilt "$1" "$2") || return
    mkdir "$3" &&
        tar -x -C "$3" --strip-components=1 -f "$(echo "$downloaded"/*.orig.tar.*)" &&
        unpack_rebuilt_debian "$1" "$2" "$3" &&
        apply_quilt "$3"
}

# apply_quilt DIR: apply debian/patches to an unpacked source package. dpkg-source does not accept fuzz.
apply_quilt() {
    local output
    output=$(cd "$1" && dpkg-source --before-build . 2>&1) || {
        printf '%s\n' "$output" >&2
        say "a patch does not apply"
        return 1
    }
}

# unpack_rebuilt_debian PACKAGE SUITE DIR: unpack only debian/ into DIR, and change it.
unpack_rebuilt_debian() {
    local downloaded
    downloaded=$(fetch_rebuilt "$1" "$2") || return
    tar -x -C "$3" -f "$(echo "$downloaded"/*.debian.tar.xz)" &&
        add_series "$SPM_ROOT/patches/$1/${rebuilt_versions[$1-$2]}" "$3/debian/patches" &&
        add_changelog_entry "$2" "$3/debian/changelog" &&
        leave_out_packages "$1" "$3/debian" &&
        "restrict_$1" "$3/debian"
}

# add_series SERIES-FOLDER PATCHES-FOLDER: append our patches to the package's.
add_series() {
    local name
    mkdir "$2/spm" || return
    while read -r name; do
        [[ -n $name && $name != \#* ]] || continue
        cp "$1/$name" "$2/spm/" && printf 'spm/%s\n' "$name" >>"$2/series" || return
    done <"$1/series"
}

# add_changelog_entry SUITE CHANGELOG: the date is that of Debian's last entry, so that the same source gives the same
# package.
add_changelog_entry() {
    local source version date entries
    source=$(dpkg-parsechangelog -l "$2" -S Source) && version=$(dpkg-parsechangelog -l "$2" -S Version) &&
        date=$(dpkg-parsechangelog -l "$2" -S Date) && entries=$(cat "$2") || return
    {
        printf '%s (%s) %s; urgency=medium\n\n' "$source" "$(rebuilt_version "$version" "$1")" "$1"
        printf '  * Add the series of libvirt-spm in debian/patches/spm.\n\n'
        printf ' -- libvirt-spm maintainers <devel@libvirt-spm.invalid>  %s\n\n%s\n' "$date" "$entries"
    } >"$2"
}

# insert_rules RULES LINE...: add lines to debian/rules after the first, which names make. make prefers a variable with
# "override" to later ones.
insert_rules() {
    local rules=$1 text
    shift
    text=$(cat "$rules") || return
    printf '%s\n' "${text%%$'\n'*}" "$@" "${text#*$'\n'}" >"$rules"
}

# leave_out_packages PACKAGE DEBIAN: let debhelper ignore the other binary packages.
leave_out_packages() {
    local name options=()
    while read -r name; do
        [[ " ${rebuilt_packages[$1]} " =~ [[:space:]]${name}[[:space:]] ]] || options+=("-N$name")
    done < <(sed -n 's/^Package: *//p' "$2/control")
    ((${#options[@]} == 0)) || insert_rules "$2/rules" "# Of libvirt-spm: other packages are not built." \
        "export DH_OPTIONS := ${options[*]}"
}

# restrict_qemu DEBIAN: build the emulators for x86, with all features. BUILD_PACKAGES has qemu-system, which makes Debian's
# rules build emulators at all.
restrict_qemu() {
    insert_rules "$1/rules" "# Of libvirt-spm: emulators for x86 only." \
        "override BUILD_PACKAGES := qemu-system ${rebuilt_packages[qemu]//$'\n'/ }" \
        "override systems := x86" "override system-packages := x86" \
        "override QEMU_CONFIGURE_OPTIONS := --target-list=i386-softmmu,x86_64-softmmu --disable-guest-agent" &&
        sed -i '/^qemu-builds += xen$/d' "$1/rules" &&
        echo usr/share/doc/qemu/user >>"$1/not-installed"
}

# restrict_seabios DEBIAN: leave debug output out of bios.bin, which has to fit into 128 KiB and which only isapc and machine
# types before 2.0 use. Since 1.16.3-2, Debian does this itself.
restrict_seabios() {
    sed -i '/^bios-config = .*[^\\]$/s/$/ DEBUG_IO=n/' "$1/rules"
}

# restrict_edk2 DEBIAN: build all variants of the firmware for x86_64, without the compilers for other architectures.
restrict_edk2() {
    sed -i 's/^override_dh_auto_build:.*/override_dh_auto_build: build-ovmf/' "$1/rules" &&
        sed -i -E '/^ (gcc-[a-z0-9]+-linux-gnu[a-z]*|qemu-system-arm)( .*)?,$/d' "$1/control"
}

# list_build_dependencies PACKAGE SUITE: print the names of the packages that the build needs, one a line. debhelper
# provides debhelper-compat in several versions.
list_build_dependencies() {
    local work rc=0
    work=$(mktemp -d) || return
    # shellcheck disable=SC2016 # perl's variables
    unpack_rebuilt_debian "$1" "$2" "$work" &&
        perl -MDpkg::Control::Info -MDpkg::Deps -we '
            my ($file, $profiles, @fields) = @ARGV;
            my $source = Dpkg::Control::Info->new($file)->get_source();
            foreach my $field (@fields) {
                my $dependencies = deps_parse($source->{$field} // "", build_dep => 1, reduce_restrictions => 1,
                                              build_profiles => [split / /, $profiles]);
                foreach my $dependency ($dependencies->get_deps()) {
                    ($dependency) = $dependency->get_deps() if $dependency->isa("Dpkg::Deps::OR");
                    print $dependency->{package} eq "debhelper-compat" ? "debhelper" : $dependency->{package}, "\n";
                }
            }' "$work/debian/control" "${rebuilt_profiles[$1]}" Build-Depends \
            "Build-Depends-$([[ ${rebuilt_scopes[$1]} == --build=any ]] && echo Arch || echo Indep)" || rc=1
    rm -rf "$work"
    return "$rc"
}
