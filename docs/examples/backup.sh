#!/bin/sh
# Copies the directory of a registry while it serves: backup.sh /var/lib/registry /backup/2026-11-25
set -eu
mkdir -p "$2/objects"
to=$(cd "$2/objects" && pwd)
cd "$1/objects"
missed=0
copy() {
  for folder in "$@"; do
    if [ -d "$folder" ]; then cp -a --parents "$folder" "$to" || missed=1; fi
  done
}
# What names is copied before what is named, so that nothing in the copy leads to what is not in it.
for folder in *; do
  case $folder in
    repos | blobs | data | uploads | tails) ;;
    *) copy "$folder" ;;
  esac
done
copy repos/*/tags repos/*/referrers
copy repos/*/manifests
copy repos/*/manifests # An index may have been read before the manifests in it.
copy repos/*/blobs
copy blobs
copy data
if [ "$missed" = 1 ]; then
  echo 'Some files could not be copied: they were deleted meanwhile, or see above.' >&2
  exit 1
fi
