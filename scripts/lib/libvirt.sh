# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libvirt's source with our series on top, and how it is configured. Source it after common.sh, source.sh
# and parts.sh.

# libvirt_configure_options: print the options for a libvirt with the qemu driver. The security drivers are
# in so that everything the series changes is compiled. 11.3 does not compile without libnl.
libvirt_configure_options() {
    echo --auto-features=disabled -Ddriver_qemu=enabled -Ddriver_libvirtd=enabled -Ddriver_remote=enabled \
        -Djson_c=enabled -Dlibnl=enabled -Dnumactl=enabled -Ddocs=disabled \
        -Dsecdriver_selinux=enabled -Dselinux=enabled -Dsecdriver_apparmor=enabled -Dapparmor=enabled \
        -Dattr=enabled --werror
}

# unpack_libvirt VERSION DIR: the upstream tree, without our series, into the new folder DIR.
unpack_libvirt() {
    [[ $1 == 11.3 ]] || {
        say "there is no series for libvirt $1"
        return 1
    }
    find_libvirt_source || return
    mkdir -p "$2" && tar -xf "$SPM_LIBVIRT_SOURCE"/libvirt_"$1".*.orig.tar.xz -C "$2" --strip-components=1
}
