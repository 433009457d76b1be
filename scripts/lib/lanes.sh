# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Prepare parts in the background. Lanes run in parallel; the parts of a lane run one after the other. A part is a
# function and its arguments, separated by spaces, such as "find_version 10.2". A lane is a subshell, so the variables
# that a part exports there are lost. The caller that needs a part waits for it and calls the function again: this takes
# only a moment, or, if the part failed, tries again and shows the error. Source this file after common.sh.

declare -A lane_of=() # for each part, the process of its lane
lanes_folder=

# open_lanes FOLDER: use FOLDER for the output of the lanes ("log") and for a file for each part that is done.
open_lanes() {
    lanes_folder=$1
    rm -rf "$1"
    mkdir -p "$1"
    : >"$1/log"
}

# start_lane PART...: start a lane in a new process group, so that stop_lanes can end all of it. It runs at a lower
# priority than the work that the caller waits for.
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
    trap - EXIT # the trap belongs to the caller
    renice -n 10 -p "$BASHPID" >/dev/null
    for part in "$@"; do
        outcome=ready
        # shellcheck disable=SC2086 # split into a function and its arguments
        ($part) >/dev/null || outcome=failed
        printf '%s\n' "$outcome" >"$lanes_folder/.outcome.$BASHPID"
        mv "$lanes_folder/.outcome.$BASHPID" "$lanes_folder/${part// /-}"
    done
}

# is_part_made PART: whether a lane has finished PART, well or not.
is_part_made() {
    [[ -e $lanes_folder/${1// /-} ]]
}

# await_part PART: wait until a lane has finished PART, and meanwhile show the output of the lanes.
await_part() {
    local file=$lanes_folder/${1// /-} lane=${lane_of[$1]:-} reader try=0
    [[ -n $lane ]] || return 0
    if [[ ! -e $file ]]; then
        tail -n 1 -f "$lanes_folder/log" >&2 &
        reader=$!
        while [[ ! -e $file ]] && kill -0 "$lane" 2>/dev/null; do
            pause "$((try++))"
        done
        kill "$reader"
        wait "$reader" 2>/dev/null || true
    fi
    if [[ ! -e $file || $(<"$file") == failed ]]; then
        say "what was begun in the background failed, see $lanes_folder/log; trying again: $1"
    fi
}

# finish_lanes: wait until all lanes have ended.
finish_lanes() {
    ((${#lane_of[@]} == 0)) || wait "${lane_of[@]}" || true
    lane_of=()
}

# stop_lanes: end the lanes that still run, all processes that they started, and the reader of their output. A script's
# background processes ignore an interrupt, so this function has to end them.
stop_lanes() {
    local lane
    # What ended the script may arrive a second time, as when a child dies of the same signal a moment earlier.
    trap '' HUP INT TERM
    jobs -pr | xargs -r kill 2>/dev/null || true
    for lane in "${lane_of[@]}"; do
        kill -TERM -- "-$lane" 2>/dev/null || true
    done
    for lane in "${lane_of[@]}"; do
        await_end "$lane" || kill -KILL -- "-$lane" 2>/dev/null || true
    done
}

# await_end LANE: wait at most five seconds until the last process of a lane has ended.
await_end() {
    local try
    for ((try = 0; try < 50; try++)); do
        kill -0 -- "-$1" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}
