#!/usr/bin/env bash
# Shows that ./dev COMMAND does all set-up by itself: in a new Debian 12 that holds nothing but the
# base system and a clone of this repository's HEAD. Needs root, debootstrap and a Debian mirror.
#
# usage: tests/fresh_debian.sh [test|demo] [options of that command]
#   MIRROR=http://deb.debian.org/debian   where packages come from
#   FOLDER=<new folder>                   where to make the system; about 3 GB
#   APT_CONF=<file>                       apt settings that this network needs (a proxy, say)
set -euo pipefail

top=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
folder=${FOLDER:-$(mktemp -d "${TMPDIR:-/var/tmp}/understudy-debian.XXXXXX")}
command=${1:-test}
shift || true

[[ $(id -u) == 0 ]] || { echo "fresh_debian.sh: needs root for chroot" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "fresh_debian.sh: install debootstrap" >&2; exit 1; }

clean_up() {
  local part
  for part in dev/shm dev/pts proc sys; do
    mountpoint -q "$folder/$part" && umount "$folder/$part"
  done
  rm -rf --one-file-system "$folder"
}
trap clean_up EXIT

echo "==> Making a Debian 12 in $folder"
debootstrap --variant=minbase --include=ca-certificates bookworm "$folder" "$mirror"
cp /etc/resolv.conf "$folder/etc/resolv.conf"
if [[ -n ${APT_CONF:-} ]]; then cp "$APT_CONF" "$folder/etc/apt/apt.conf.d/99network"; fi
mount -t proc proc "$folder/proc"
mount -t sysfs sys "$folder/sys"
mount -t tmpfs tmpfs "$folder/dev/shm"
mount -t devpts devpts "$folder/dev/pts"

echo "==> Cloning HEAD into it"
mkdir -p "$folder/root/understudy"
git -C "$top" archive HEAD | tar -x -C "$folder/root/understudy"

echo "==> ./dev $command there"
status=0
chroot "$folder" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
  /root/understudy/dev "$command" "$@" || status=$?
echo "==> ./dev $command on a fresh Debian 12: exit code $status"
exit "$status"
