# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Get parts ready in the background, in lanes that run side by side; in a lane, one after the other. A part is a
# function and its arguments, separated by blanks, as "find_version 10.2". Nobody reads what it exports there: who needs
# the part waits for it and calls the function once more, which costs a moment only, or tries again and fails aloud.
# Source it after common.sh.

declare -A lane_of=() # the process whose lane has a part
lanes_folder=

# open_lanes FOLDER: keep there what the lanes say ("log"), and which parts they are done with.
open_lanes() {
    lanes_folder=$1
    rm -rf "$1"
    mkdir -p "$1"
    : >"$1/log"
}

# start_lane PART...: in a process group of its own, so that it can be ended whole, and behind whatever is waited for.
start_lane() {
    local part
    (($#)) || return 0
    set -m
    run_lane "$@" </dev/null >>"$lanes_folder/log" 2>&1 &
    set +m
    for part in "$@"; do
        lane_of[$part]=$!
    done
}

run_lane() {
    local part outcome
    trap - EXIT # is the caller's
    renice -n 10 -p "$BASHPID" >/dev/null
    for part in "$@"; do
        outcome=ready
        # shellcheck disable=SC2086 # a function and its arguments
        ($part) >/dev/null || outcome=failed
        printf '%s\n' "$outcome" >"$lanes_folder/.outcome.$BASHPID"
        mv "$lanes_folder/.outcome.$BASHPID" "$lanes_folder/${part// /-}"
    done
}

# await_part PART: wait until a lane is done with it, and meanwhile show what the lanes say.
await_part() {
    local file=$lanes_folder/${1// /-} lane=${lane_of[$1]:-} reader
    [[ -n $lane ]] || return 0
    if [[ ! -e $file ]]; then
        tail -n 1 -f "$lanes_folder/log" >&2 &
        reader=$!
        while [[ ! -e $file ]] && kill -0 "$lane" 2>/dev/null; do
            sleep 0.2
        done
        kill "$reader"
        wait "$reader" 2>/dev/null || true
    fi
    if [[ ! -e $file || $(<"$file") == failed ]]; then
        say "what was begun in the background failed, see $lanes_folder/log; trying again: $1"
    fi
}

# finish_lanes: wait until all have ended.
finish_lanes() {
    ((${#lane_of[@]} == 0)) || wait "${lane_of[@]}" || true
    lane_of=()
}

# stop_lanes: end those that still run with all that they started, and the reader of what they say. Like all that a
# script runs in its background, that does not mind an interrupt.
stop_lanes() {
    local lane
    jobs -pr | xargs -r kill 2>/dev/null || true
    for lane in "${lane_of[@]}"; do
        kill -TERM -- "-$lane" 2>/dev/null || true
    done
    for lane in "${lane_of[@]}"; do
        await_end "$lane" || kill -KILL -- "-$lane" 2>/dev/null || true
    done
}

# await_end LANE: for five seconds at most, wait for the last process of a lane.
await_end() {
    local try
    for ((try = 0; try < 50; try++)); do
        kill -0 -- "-$1" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}
