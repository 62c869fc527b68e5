#!/usr/bin/env bash
# check_structure.sh includes|readmes GRAPH   GRAPH has a line for each library, lower floors first:
# its name, its folder, and the names of the libraries that it links.
set -eu
check=$1 graph=$2 faults=0

fault() { printf '%s\n' "$1" >&2; faults=$((faults + 1)); }

# A library may include its own headers, those of what it links, and of what those need in turn.
declare -A reach
check_includes() {
  local name=$1 folder=$2 needed file_and_name included
  shift 2
  reach[$name]=" $name "
  for needed in "$@"; do
    [ -n "${reach[$needed]:-}" ] || { fault "$name links $needed, which is on the same floor or above"; continue; }
    reach[$name]+="${reach[$needed]}"
  done
  while read -r file_and_name; do
    [ -n "$file_and_name" ] || continue
    included=${file_and_name##*ivory/} included=${included%/}
    [[ ${reach[$name]} == *" $included "* ]] || fault "${file_and_name%%:*} includes from $included, which $name does not link"
  done <<<"$(grep -roE --include='*.h' --include='*.cpp' '^ *# *include *[<"]ivory/[a-z_]+/' "$folder" || true)"
}

check_readmes() {
  local name=$1 folder=$2
  [ "$(grep -cE '([^ ]+ +){10}' "$folder/README.md")" -ge 2 ] ||
    fault "$name: $folder/README.md should say what it is for and what it leaves to its neighbours"
}

while read -r -a line; do
  "check_$check" "${line[@]}"
done <"$graph"
[ "$faults" = 0 ]
