# Sourced by the other tools: where the checkout is, steps with a log, the machine's packages.
# shellcheck shell=bash
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/log
mkdir -p "$logs"
cd "$root"

# Objects compiled in another checkout, or in another build folder of this one, serve here too.
export CCACHE_BASEDIR=$root

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# How many compilers at once: one a core, less where memory is short (a unit that includes libtorch takes 1.3 GB).
jobs() {
  local cores memory_kb
  cores=$(nproc)
  memory_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo 2>/dev/null || true)
  [ -n "$memory_kb" ] && [ $((memory_kb / 1500000)) -lt "$cores" ] && cores=$((memory_kb / 1500000))
  echo $((cores > 0 ? cores : 1))
}

# Shows the last line of a log while a step runs: every second in place on a terminal, else every minute.
# Ends with the script, whose signals it would not get itself.
follow() {
  local text=$1 log=$2 seconds=0 line
  while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    seconds=$((seconds + 1))
    line=$(tail -c 400 "$log" | tr '\r' '\n' | tail -n 1)
    if [ -t 1 ]; then
      printf '\r\033[K%s: %s' "$text" "${line:0:$((${COLUMNS:-80} - ${#text} - 4))}"
    elif [ $((seconds % 60)) = 0 ]; then
      printf '%s (%d s): %s\n' "$text" "$seconds" "${line:0:120}"
    fi
  done
}

# step TEXT LOG COMMAND…   Runs the command quietly, its output in build/log/LOG; shows that log's end if it fails.
step() {
  local text=$1 log=$logs/$2.log start=$SECONDS status=0 follower
  shift 2
  : >"$log"
  follow "$text" "$log" &
  follower=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$follower" 2>/dev/null || true
  wait "$follower" 2>/dev/null || true
  if [ -t 1 ]; then printf '\r\033[K'; fi
  if [ "$status" != 0 ]; then
    tail -n 40 "$log" >&2
    die "failed: $text (the whole log: ${log#"$root"/})"
  fi
  printf '%s: %d s\n' "$text" $((SECONDS - start))
}

# stage NAME COMMAND…   A part of the checks: its output as it is, its name and its seconds around it.
stage() {
  local name=$1 start=$SECONDS
  shift
  printf '== %s\n' "$name"
  "$@"
  printf '== %s: %d s\n' "$name" $((SECONDS - start))
}

# build PRESET [TARGET…]   Configures and builds one of CMakePresets.json into build/PRESET.
build() {
  local preset=$1
  shift
  [ "build/$preset/build.ninja" -nt CMakePresets.json ] ||  # later changes the build sees itself
    step "configuring $preset" "configure-$preset" cmake --preset "$preset"
  step "building $preset" "build-$preset" cmake --build "build/$preset" --parallel "$(jobs)" ${1+--target "$@"}
}
