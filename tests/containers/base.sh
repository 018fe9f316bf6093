#!/bin/sh
# For machines that reach a mirror of Debian and no registry of images: makes a base for docker/Dockerfile of Debian's packages, and prints
# its name. Needs root, debootstrap and a Docker that runs; another mirror than Debian's own is typed behind it.
#
#   export WATTFALL_BASE_IMAGE=$(sudo tests/containers/base.sh)
set -eu
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python-is-python3,python3-pip bookworm "$root" "$@" >&2
# pip asks the index that this machine asks, and believes whom this machine believes.
for file in /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  if [ -e "$file" ]; then cp "$file" "$root$file"; fi
done
chmod 755 "$root" # it becomes /, and mktemp lets nobody else in
tar -C "$root" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -c . | docker import - wattfall-base >&2
echo wattfall-base
