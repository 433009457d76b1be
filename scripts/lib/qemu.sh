# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What differs between the versions of QEMU that there is a series for. Source it after common.sh.

# qemu_suite VERSION: print the Debian suite whose source package has that version, or nothing.
qemu_suite() {
    case $1 in
    7.2) echo bookworm ;;
    10.0) echo trixie ;;
    10.2) echo sid ;;
    esac
}

# qemu_configure_options VERSION: print the options for a small emulator. KVM is in for libvirt's
# probing, libpmem for memory-backend-file,pmem=on, which libvirt gives for <pmem/> and Debian's
# emulator has; the guests run without graphics, network and sound.
qemu_configure_options() {
    echo --prefix=/usr --target-list=x86_64-softmmu --without-default-features \
        --enable-tcg --enable-kvm --enable-numa --enable-libpmem --enable-fdt=system \
        --disable-docs --disable-tools --disable-install-blobs --disable-debug-info --enable-werror
    case $1 in
    # That one takes its own copy of meson, which Debian's tarball does not have, unless told.
    7.2) echo --meson=/usr/bin/meson --with-git-submodules=ignore ;;
    *) echo --disable-download --python=/usr/bin/python3 ;;
    esac
}

# qemu_sanitize_options VERSION: print what makes an emulator with sanitizers of the above. With them,
# gcc warns of code that it no longer sees through: warnings are for the other build.
qemu_sanitize_options() {
    case $1 in
    7.2) echo --disable-werror --enable-sanitizers ;;
    *) echo --disable-werror --enable-asan --enable-ubsan ;;
    esac
}
