# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The differences between the QEMU versions that have a series. Source this file after common.sh.

# qemu_suite VERSION: print the Debian suite whose source package has VERSION, or nothing.
qemu_suite() {
    case $1 in
    7.2) echo bookworm ;;
    10.0) echo trixie ;;
    10.2) echo sid ;;
    esac
}

# qemu_configure_options VERSION: print the options for a small emulator. libvirt's probing needs KVM. libpmem provides
# memory-backend-file,pmem=on, which libvirt uses for <pmem/> and which Debian's emulator has. The guests run without
# graphics, network and sound.
qemu_configure_options() {
    echo --prefix=/usr --target-list=x86_64-softmmu --without-default-features \
        --enable-tcg --enable-kvm --enable-numa --enable-libpmem --enable-fdt=system \
        --disable-docs --disable-tools --disable-install-blobs --disable-debug-info --enable-werror
    case $1 in
    # By default, 7.2 uses its own copy of meson, which Debian's tarball does not contain.
    7.2) echo --meson=/usr/bin/meson --with-git-submodules=ignore ;;
    *) echo --disable-download --python=/usr/bin/python3 ;;
    esac
}

# qemu_sanitize_options VERSION: print the additional options for an emulator with sanitizers. With sanitizers, gcc gives
# false warnings because it can no longer analyse some code; only the other build treats warnings as errors.
qemu_sanitize_options() {
    case $1 in
    7.2) echo --disable-werror --enable-sanitizers ;;
    *) echo --disable-werror --enable-asan --enable-ubsan ;;
    esac
}
