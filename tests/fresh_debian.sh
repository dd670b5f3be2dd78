#!/usr/bin/env bash
# Shows that ./dev COMMAND does all set-up by itself: in a new Debian 12 that holds nothing but the
# base system and the files of this repository's HEAD. Needs root, debootstrap and a Debian mirror.
# It runs in mount and process namespaces of its own: however it ends, nothing stays mounted or runs.
#
# usage: tests/fresh_debian.sh [COMMAND…]    each a command of ./dev: demo "test -R wal"
#                                            (default: demo test)
#   MIRROR=http://deb.debian.org/debian   where packages come from
#   FOLDER=<new folder>                   where to make the system; about 3 GB
#   APT_CONF=<file>                       apt settings that this network needs (a proxy, say)
#   CCACHE=<folder>                       compiler cache to use, for a quicker second run
#   AS_USER=1                             the commands run as an ordinary user, after ./dev setup
set -euo pipefail

readonly path=/usr/sbin:/usr/bin:/sbin:/bin

say() { printf '==> %s\n' "$*"; }

die() {
  printf 'fresh_debian.sh: %s\n' "$*" >&2
  exit 1
}

# in_system USER COMMAND…: with nothing of the caller's environment but proxies.
in_system() {
  local user=$1 home ccache=()
  shift
  home=$(chroot "$folder" /usr/bin/env -i PATH=$path sh -c "echo ~$user")
  if [[ -n ${CCACHE:-} ]]; then ccache=(CCACHE_DIR=/ccache); fi
  chroot --userspec="$user" "$folder" /usr/bin/env -i HOME="$home" PATH=$path LANG=C.UTF-8 \
    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" "${ccache[@]}" "$@"
}

make_system() {
  say "Making a Debian 12 in $folder"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$folder" "$mirror" \
    >"$folder.log" 2>&1 || { tail -n 30 "$folder.log" >&2 && die "debootstrap failed"; }
  cp /etc/resolv.conf "$folder/etc/resolv.conf"
  if [[ -n ${APT_CONF:-} ]]; then cp "$APT_CONF" "$folder/etc/apt/apt.conf.d/99network"; fi
  mount --bind "$folder" "$folder" # tests that mount want / to be a mount
  mount -t proc proc "$folder/proc"
  mount -t sysfs sys "$folder/sys"
  mount -t tmpfs -o mode=1777 tmpfs "$folder/dev/shm"
  mount -t devpts devpts "$folder/dev/pts"
  if [[ -n ${CCACHE:-} ]]; then
    mkdir -p "$folder/ccache"
    mount --bind "$CCACHE" "$folder/ccache"
  fi
}

# put_sources USER: the repository's HEAD into ~/understudy of that user.
put_sources() {
  local home=/root
  if [[ $1 != root ]]; then
    home=/home/$1
    chroot "$folder" /usr/bin/env PATH=$path useradd --create-home "$1"
  fi
  mkdir "$folder$home/understudy"
  tar -x -C "$folder$home/understudy" <"$folder.tar"
  chroot "$folder" /usr/bin/env PATH=$path chown -R "$1:" "$home/understudy"
}

# Somebody who may not install packages is told so, and what is missing.
check_refusal() {
  local answer
  say "./dev demo as somebody who may not install packages"
  if answer=$(in_system newcomer /home/newcomer/understudy/dev demo 2>&1); then
    die "./dev demo went through without root or sudo: $answer"
  fi
  grep -q 'needs root or sudo' <<<"$answer" || die "no clear word about root or sudo: $answer"
}

run_all() {
  local user=root home=/root line words status=0
  make_system
  put_sources root
  put_sources newcomer
  check_refusal
  if [[ -n ${AS_USER:-} ]]; then
    in_system root /root/understudy/dev setup
    user=newcomer home=/home/newcomer
  fi
  for line in "$@"; do
    say "./dev $line there, as $user"
    read -ra words <<<"$line"
    status=0
    in_system "$user" "$home/understudy/dev" "${words[@]}" || status=$?
    say "./dev $line on a fresh Debian 12, as $user: exit code $status"
    ((status == 0)) || return "$status"
  done
}

# The second half: inside the namespaces, which end with this process.
if [[ ${1:-} == --inside ]]; then
  folder=$2 mirror=$3
  shift 3
  run_all "$@"
  exit
fi

top=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
[[ $(id -u) == 0 ]] || die "needs root for chroot"
command -v debootstrap >/dev/null || die "install debootstrap"
if [[ -n ${FOLDER:-} ]]; then
  [[ ! -e $FOLDER ]] || die "$FOLDER is there already"
  mkdir -p "$FOLDER"
  folder=$(readlink -f "$FOLDER")
else
  folder=$(mktemp -d "${TMPDIR:-/var/tmp}/understudy-debian.XXXXXX")
fi
chmod 755 "$folder"
trap 'rm -rf --one-file-system "$folder" "$folder.log" "$folder.tar"' EXIT
trap 'exit 130' INT TERM
(($#)) || set -- demo test

git -C "$top" archive HEAD >"$folder.tar"
unshare --mount --pid --fork --kill-child "$0" --inside "$folder" "$mirror" "$@"
