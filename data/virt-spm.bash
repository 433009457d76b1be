# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion of virt-spm(1)

_virt_spm() {
    # shellcheck disable=SC2034 # _init_completion sets all four
    local cur prev words cword
    _init_completion -n = || return

    local -A options=(
        [validate]='--device --emulator --libvirt-version'
        [argv]='--device --emulator --libvirt-version'
        [translate]='--reverse --device --emulator --libvirt-version'
        [expand]='--request --profiles --leftovers --device --emulator --libvirt-version'
        [layout]='--format --device --emulator --libvirt-version'
        [probe]=''
        [doctor]='--emulator --root'
        [host]='--json --xml --root'
    )
    local command='' i
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
            --device | --emulator | --libvirt-version | --format | --root | --request | --profiles) ((++i)) ;;
            -*) ;;
            *) command=${words[i]} && break ;;
        esac
    done

    case $prev in
        --device) mapfile -t COMPREPLY < <(compgen -W 'spm-memory sp-mem' -- "$cur") && return ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'text svg' -- "$cur") && return ;;
        --emulator) _filedir && return ;;
        --root | --profiles) _filedir -d && return ;;
        --libvirt-version | --request) return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${options[${command:-none}]-${options[*]}} --help --version" -- "$cur" | sort -u)
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${!options[*]}" -- "$cur")
    elif [[ $command == probe ]]; then
        _filedir
    elif [[ $command != doctor && $command != host ]]; then
        _filedir xml
    fi
} && complete -F _virt_spm virt-spm
