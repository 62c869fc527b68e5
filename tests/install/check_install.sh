#!/usr/bin/env bash
# check_install.sh BUILD WORK CONSUMER…   Installs the build folder to a prefix in WORK, moves it (so that nothing
# may depend on where it was), then configures, builds and tests each consumer project against it.
set -euo pipefail
build=$1 work=$2
shift 2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

rm -rf "$work/installed" "$work/prefix"
"$CMAKE" --install "$build" --prefix "$work/installed" >"$work/install.log"
mv "$work/installed" "$work/prefix"
for consumer in "$@"; do
  printf '== %s\n' "$consumer"
  rm -rf "${work:?}/$consumer"
  "$CMAKE" -G Ninja -S "$here/$consumer" -B "$work/$consumer" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release
  "$CMAKE" --build "$work/$consumer"
  ctest --test-dir "$work/$consumer" --output-on-failure --no-tests=error
done
