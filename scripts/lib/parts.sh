# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Build or fetch the parts that the tests and the demo use, and export their paths. A part that is already cached takes
# only a moment. Source this file after common.sh and source.sh.

export SPM_BUILD=$SPM_ROOT/build

# build_plugin [MESON-OPTION...]: build the plugin and virt-spm in build/.
build_plugin() {
    export SPM_PLUGIN=$SPM_BUILD/src/libvirt-spm.so
    mkdir -p "$SPM_BUILD"
    run_logged "building the plugin and virt-spm" "$SPM_BUILD/build.log" \
        run_meson "$@"
}

run_meson() {
    if [[ ! -f $SPM_BUILD/build.ninja ]]; then
        # the paths that distributions configure for libvirt
        meson setup --prefix=/usr --sysconfdir=/etc --localstatedir=/var "$SPM_BUILD" "$SPM_ROOT" "$@" || return
    elif (($#)); then
        meson configure "$SPM_BUILD" "$@" || return
    fi
    meson compile -C "$SPM_BUILD"
}

# find_emulator: build QEMU with spm-memory and the patched SeaBIOS.
find_emulator() {
    local folder
    folder=$("$SPM_ROOT/scripts/build-qemu") || return
    export SPM_QEMU=$folder/bin/qemu-system-x86_64
}

# find_native: libvirt with our series.
find_native() {
    SPM_NATIVE=$("$SPM_ROOT/scripts/build-libvirt") || return
    export SPM_NATIVE
}

# find_guest: build the guest's kernel and initramfs, and fetch its UEFI firmware. OVMF passes soft-reserved memory on
# since 2026.08, which Debian has in forky; the package "ovmf" there only depends on "ovmf-generic".
find_guest() {
    SPM_GUEST=$("$SPM_ROOT/scripts/build-guest") || return
    SPM_OVMF=$("$SPM_ROOT/scripts/fetch-package" forky ovmf-generic)/usr/share/OVMF || return
    export SPM_GUEST SPM_OVMF
}

# find_version VERSION: build one of the other QEMU versions with spm-memory.
find_version() {
    local folder
    folder=$("$SPM_ROOT/scripts/build-qemu" "$1") || return
    export "SPM_QEMU_${1/./_}=$folder/bin/qemu-system-x86_64"
}

# find_seabios: build the patched SeaBIOS alone, for emulators that come with another SeaBIOS.
find_seabios() {
    SPM_SEABIOS=$("$SPM_ROOT/scripts/build-seabios")/bios-256k.bin || return
    export SPM_SEABIOS
}

# find_edk2 VERSION: build OVMF with our series, for users of a distribution whose OVMF drops soft-reserved memory.
find_edk2() {
    local folder
    folder=$("$SPM_ROOT/scripts/build-edk2" "$1") || return
    export "SPM_OVMF_${1/./_}=$folder"
}

# find_new_guest: build a guest with a newer kernel.
find_new_guest() {
    SPM_GUEST_FORKY=$("$SPM_ROOT/scripts/build-guest" forky) || return
    export SPM_GUEST_FORKY
}

# find_firmware: fetch the firmware packages of several Debian suites.
find_firmware() {
    local suite package folder
    SPM_FIRMWARE=
    for package in seabios:bookworm seabios:trixie seabios:forky ovmf:bookworm ovmf:trixie ovmf-generic:forky; do
        suite=${package#*:} package=${package%:*}
        folder=$("$SPM_ROOT/scripts/fetch-package" "$suite" "$package") || return
        SPM_FIRMWARE+="${package%-generic}-$suite=$folder "
    done
    export SPM_FIRMWARE
}

# find_schemas: fetch the domain schema of the newest libvirt. The installed libvirt has its own.
find_schemas() {
    SPM_NEW_SCHEMAS=$("$SPM_ROOT/scripts/fetch-package" forky libvirt-common)/usr/share/libvirt/schemas || return
    export SPM_NEW_SCHEMAS
}

# download_upstream SUITE PACKAGE VERSION DIR: put the upstream tarball of a source package into DIR.
download_upstream() {
    say "fetching the source of $2 ${3%%-*} from Debian $1"
    (cd "$4" && private_apt "src:$1" apt-get source -qq --download-only --tar-only --only-source "$2=$3") >&2
}

# find_libvirt_source: fetch the newest available source of libvirt, for functions that its headers do not declare.
find_libvirt_source() {
    local version
    version=$(source_version trixie libvirt 11.3) || return
    SPM_LIBVIRT_SOURCE=$(cached "upstream-libvirt-$version" download_upstream trixie libvirt "$version") || return
    export SPM_LIBVIRT_SOURCE
}

# find_newest_libvirt: fetch the headers, manual and library of the newest libvirt. The installed libvirt has its own.
find_newest_libvirt() {
    SPM_NEW_LIBVIRT_DEV=$("$SPM_ROOT/scripts/fetch-package" forky libvirt-dev) || return
    SPM_NEW_LIBVIRT0=$("$SPM_ROOT/scripts/fetch-package" forky libvirt0) || return
    export SPM_NEW_LIBVIRT_DEV SPM_NEW_LIBVIRT0
}

# find_stock: build a folder with a new distribution, its libvirtd and its emulator, and unpack the plugin from the
# distribution's package.
find_stock() {
    local deb folder=$SPM_BUILD/stock
    SPM_STOCK_ROOT=$("$SPM_ROOT/scripts/build-root" forky run) || return
    deb=$("$SPM_ROOT/scripts/build-deb" forky) || return
    rm -rf "$folder"
    dpkg-deb -x "$deb"/libvirt-spm_*.deb "$folder" || return
    SPM_STOCK_PLUGIN=$(echo "$folder"/usr/lib/*/libvirt-spm/libvirt-spm.so)
    export SPM_STOCK_ROOT SPM_STOCK_PLUGIN
}

# find_managers: build a folder with a new distribution, its libvirtd, its emulator and programs that manage a libvirt.
find_managers() {
    SPM_MANAGERS_ROOT=$("$SPM_ROOT/scripts/build-root" forky managers) || return
    SPM_NOVA_COMMON=$("$SPM_ROOT/scripts/fetch-package" forky nova-common)/usr/share/nova-common || return
    SPM_NOVA_26=$("$SPM_ROOT/scripts/fetch-package" bookworm python3-nova)/usr/lib/python3/dist-packages || return
    SPM_NOVA_31=$("$SPM_ROOT/scripts/fetch-package" trixie python3-nova)/usr/lib/python3/dist-packages || return
    export SPM_MANAGERS_ROOT SPM_NOVA_COMMON SPM_NOVA_26 SPM_NOVA_31
}

# unpack_ansible VERSION DIR: put Ansible's modules for libvirt into DIR. The package has 200 MB of others.
unpack_ansible() {
    local work
    work=$(mktemp -d) || return
    (cd "$work" && private_apt forky apt-get download -qq "ansible=$1") &&
        dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$2" --wildcards '*/ansible_collections/community/libvirt/*'
    local rc=$?
    rm -rf "$work"
    return "$rc"
}

# find_ansible: fetch the modules with which Ansible manages a libvirt.
find_ansible() {
    local version
    version=$(private_apt forky apt-cache show ansible | sed -n 's/^Version: //p' | sort -V | tail -n 1) || return
    SPM_ANSIBLE=$(cached "ansible-libvirt-$version" unpack_ansible "$version")/usr/lib/python3/dist-packages || return
    export SPM_ANSIBLE
}

# find_packages: for each suite, build the package and the root folders in which it is built and run. Of trixie, the tests
# need only the root folder of builds.
find_packages() {
    local suite folder job rc=0 jobs=()
    # In parallel, because each build mostly runs one process at a time.
    for suite in bookworm forky; do
        { "$SPM_ROOT/scripts/build-root" "$suite" run && "$SPM_ROOT/scripts/build-deb" "$suite"; } >/dev/null &
        jobs+=("$!")
    done
    for job in "${jobs[@]}"; do
        wait "$job" || rc=1
    done
    ((rc == 0)) || return 1
    for suite in bookworm forky; do
        folder=$("$SPM_ROOT/scripts/build-root" "$suite" run) || return
        export "SPM_RUN_ROOT_${suite^^}=$folder"
        folder=$("$SPM_ROOT/scripts/build-root" "$suite" build) || return
        export "SPM_BUILD_ROOT_${suite^^}=$folder"
        folder=$("$SPM_ROOT/scripts/build-deb" "$suite") || return
        export "SPM_PACKAGE_${suite^^}=$folder"
    done
    SPM_BUILD_ROOT_TRIXIE=$("$SPM_ROOT/scripts/build-root" trixie build) || return
    export SPM_BUILD_ROOT_TRIXIE
}

# find_hosts: for each suite for which scripts/build-repository has packages, build a folder with a new host, and make what
# Debian's next update of QEMU there would be.
find_hosts() {
    local suite folder
    for suite in bookworm trixie; do
        folder=$("$SPM_ROOT/scripts/build-root" "$suite" host) || return
        export "SPM_HOST_ROOT_${suite^^}=$folder"
        folder=$("$SPM_ROOT/scripts/build-short-deb" --next qemu "$suite") || return
        export "SPM_UPDATE_${suite^^}=$folder"
    done
}

# find_repositories: for each of these suites, make a repository with the emulators and firmware that the tests use, or where
# SPM_FULL is set, with those of scripts/build-deb.
find_repositories() {
    local suite folder short=(--short)
    [[ -z ${SPM_FULL:-} ]] || short=()
    for suite in bookworm trixie; do
        folder=$("$SPM_ROOT/scripts/build-repository" "${short[@]}" "$suite") || return
        export "SPM_REPOSITORY_${suite^^}=$folder"
    done
}
