# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Functions and variables that all scripts share: paths, progress messages, the cache, and access to other Debian suites
# than the host's. Source this file; it sets no shell options and starts nothing.

# shellcheck disable=SC2034 # the scripts that source this file use them
SPM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SPM_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/libvirt-spm
SPM_MIRROR=${SPM_MIRROR:-http://deb.debian.org/debian}
SPM_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
PATH=$PATH:/usr/sbin:/sbin # after chroot or su, PATH may contain neither

# say TEXT...: print a line of progress on stderr, with the seconds since the first script began.
export SPM_STARTED=${SPM_STARTED:-$EPOCHSECONDS}
say() {
    printf '[%4ds] %s\n' "$((EPOCHSECONDS - SPM_STARTED))" "$*" >&2
}

# die TEXT...: print an error and end the script.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# pause TRY: sleep for the TRYth time, first for a moment, later for a second. Each sleep is a process, and several loops that
# wait run all the time.
pause() {
    sleep "$(($1 < 10 ? 0 : 1)).2"
}

# run_logged TITLE LOG COMMAND...: run COMMAND with its output in LOG. Print the last line of LOG every 15 seconds, so
# that a person sees progress in a long step, and the last 40 lines of LOG if COMMAND fails.
run_logged() {
    local title=$1 log=$2 pid rc=0 try=0 shown=$EPOCHSECONDS
    shift 2
    say "$title"
    "$@" >"$log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        pause "$((try++))"
        if ((EPOCHSECONDS - shown >= 15)); then
            shown=$EPOCHSECONDS
            say "  ... $(tail -n 1 "$log" | tr -d '\r' | cut -c1-100)"
        fi
    done
    wait "$pid" || rc=$?
    if ((rc)); then
        tail -n 40 "$log" >&2
        say "failed ($rc): $title; the whole log is $log"
    fi
    return "$rc"
}

# cache_key FILE-OR-TEXT...: print a short hash of all inputs: the contents of files and folders, and any other argument
# as text. The hash is part of a cached result's name, so any changed input makes a new result.
cache_key() {
    local input
    for input in "$@"; do
        if [[ -d $input ]]; then
            (cd "$input" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum)
        elif [[ -f $input ]]; then
            sha256sum <"$input"
        else
            printf '%s\n' "$input"
        fi
    done | sha256sum | cut -c1-16
}

# cached NAME BUILDER [ARG...]: print the folder $SPM_CACHE/NAME. If it does not exist, first call BUILDER with an empty
# folder as its last argument, and rename that folder to $SPM_CACHE/NAME when BUILDER has finished. So the cache never
# contains an incomplete result. A lock prevents two processes from building the same result.
cached() {
    local name=$1 dir=$SPM_CACHE/$1 work
    shift
    mkdir -p "$SPM_CACHE"
    exec {cached_lock}>"$SPM_CACHE/.$name.lock"
    flock "$cached_lock"
    if [[ ! -d $dir ]]; then
        work=$(mktemp -d "$SPM_CACHE/.$name.XXXXXX")
        chmod 755 "$work"
        if ! "$@" "$work" >&2; then
            rm -rf "$work"
            exec {cached_lock}>&-
            return 1
        fi
        mv "$work" "$dir"
    fi
    exec {cached_lock}>&-
    printf '%s\n' "$dir"
}

# private_apt SUITES TOOL ARG...: run an apt TOOL (apt-get, apt-cache) with private package lists that contain only
# SUITES, separated by spaces: "forky" for binaries, "src:trixie" for sources, "src:trixie-security" for the sources of
# security updates. It does not change the host's apt sources. One process fetches the lists once a day, while no other
# process reads them.
private_apt() {
    local suites=$1 tool=$2 dir options apt_lock rc=0
    shift 2
    dir=$SPM_CACHE/apt/$(cache_key "$suites" "$SPM_MIRROR")
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    # Check-Valid-Until: a reproducible build may use a mirror that is frozen at a date.
    # Sandbox::User: only root can write to the download folder. State::status: the packages that the host has
    # installed must not affect the result.
    options=(
        -oDir::Etc::sourcelist="$dir/sources.list" -oDir::Etc::sourceparts=/nonexistent
        -oDir::State::lists="$dir/lists" -oDir::Cache="$dir/cache"
        -oAcquire::Check-Valid-Until=false -oAPT::Sandbox::User=root -oAcquire::Languages=none
        -oDir::State::status=/dev/null
    )
    exec {apt_lock}>"$dir/lock"
    flock --shared "$apt_lock"
    if ! fresh_lists "$dir"; then
        flock "$apt_lock"
        # Another process may have fetched them in the meantime.
        fresh_lists "$dir" || fetch_lists "$dir" "$suites" "${options[@]}" {apt_lock}>&- || rc=$?
        flock --shared "$apt_lock"
    fi
    ((rc)) || "$tool" "${options[@]}" "$@" {apt_lock}>&- || rc=$?
    exec {apt_lock}>&-
    return "$rc"
}

# fresh_lists DIR: succeed if apt's lists in DIR are less than a day old.
fresh_lists() {
    [[ -n $(find "$1/updated" -mmin -1440 2>/dev/null) ]]
}

# fetch_lists DIR SUITES OPTION...: fetch apt's lists of SUITES into DIR.
fetch_lists() {
    local dir=$1 suite kind mirror
    for suite in $2; do
        kind=deb mirror=$SPM_MIRROR
        [[ $suite == src:* ]] && kind=deb-src
        # Debian's servers have both archives side by side.
        [[ $suite == *-security ]] && mirror=${SPM_MIRROR%/*}/debian-security
        printf '%s [signed-by=%s] %s %s main\n' "$kind" "$SPM_KEYRING" "$mirror" "${suite#src:}"
    done >"$dir/sources.list"
    shift 2
    apt-get "$@" update -q >"$dir/update.log" 2>&1 || {
        cat "$dir/update.log" >&2
        return 1
    }
    touch "$dir/updated"
}
