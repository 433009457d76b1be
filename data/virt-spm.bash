# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion of virt-spm(1)

_virt_spm() {
    # shellcheck disable=SC2034 # _init_completion sets all four
    local cur prev words cword
    _init_completion -n = || return

    case $prev in
        --device)
            mapfile -t COMPREPLY < <(compgen -W 'spm-memory sp-mem' -- "$cur")
            return
            ;;
        --format)
            mapfile -t COMPREPLY < <(compgen -W 'text svg' -- "$cur")
            return
            ;;
        --emulator | probe)
            _filedir
            return
            ;;
        --libvirt-version)
            return
            ;;
        --root)
            _filedir -d
            return
            ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--device --emulator --libvirt-version --reverse --format --root --help --version' -- "$cur")
    elif ((cword == 1)) || [[ $prev == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'validate argv translate layout probe doctor' -- "$cur")
    else
        _filedir xml
    fi
} && complete -F _virt_spm virt-spm
