#!/usr/bin/env bash
# Shows that the Debian package works as it is installed: in a new Debian 12 that holds the base system, with
# systemd itself as process 1, all in namespaces of its own. Installs, runs as root and as an ordinary user, starts
# the units, kills and hangs nodes, upgrades, removes, purges (tests/installed/checks.py says what must hold).
# Needs root, debootstrap and a Debian mirror. However it ends, nothing stays mounted or runs.
#
# usage: tests/installed_package.sh [PACKAGE.deb]     (default: the one in build/package)
#   MIRROR=http://deb.debian.org/debian   where packages come from
#   BASE=<folder>                         a Debian that was made before is copied from here, or put here
#   APT_CONF=<file>                       apt settings that this network needs (a proxy, say)
set -euo pipefail

readonly path=/usr/sbin:/usr/bin:/sbin:/bin
readonly extra=ca-certificates,systemd,systemd-sysv,dbus,iproute2,sqlite3,procps,python3-minimal,python3,man-db

say() { printf '==> %s\n' "$*"; }

die() {
  printf 'installed_package.sh: %s\n' "$*" >&2
  exit 1
}

make_base() {
  if [[ -n ${BASE:-} && -d ${BASE:-} ]]; then
    cp -a "$BASE/." "$folder"
    return
  fi
  say "Making a Debian 12"
  debootstrap --variant=minbase --include="$extra" bookworm "$folder" "${MIRROR:-http://deb.debian.org/debian}" \
    >"$folder.log" 2>&1 || { tail -n 30 "$folder.log" >&2 && die "debootstrap failed"; }
  if [[ -n ${BASE:-} ]]; then cp -a "$folder" "$BASE"; fi
}

in_folder() {
  chroot "$folder" /usr/bin/env -i PATH=$path HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" "$@"
}

# repack VERSION: the same package under another version, for upgrades.
repack() {
  local unpacked=$folder/tmp/unpacked
  dpkg-deb -R "$package" "$unpacked"
  sed -i "s/^Version: .*/Version: $1/" "$unpacked/DEBIAN/control"
  dpkg-deb -b "$unpacked" "$folder/root/understudy-$1.deb" >/dev/null
  rm -r "$unpacked"
}

install_it() {
  cp /etc/resolv.conf "$folder/etc/resolv.conf"
  if [[ -n ${APT_CONF:-} ]]; then cp "$APT_CONF" "$folder/etc/apt/apt.conf.d/99network"; fi
  # As in any image that shows its documentation: minbase itself leaves nothing out.
  cp "$package" "$folder/root/understudy.deb"
  repack 99.0
  cp "$top"/tests/installed/*.py "$folder/root/"
  in_folder sh -c 'cd / && find / -xdev -not -path "/proc/*" | sort' >"$folder/root/files-before"
  say "Installing $(basename "$package") there"
  in_folder apt-get update >"$folder.log" 2>&1 || { cat "$folder.log" >&2 && die "apt-get update failed"; }
  in_folder apt-get install -y --no-install-recommends /root/understudy.deb >"$folder.log" 2>&1 ||
    { tail -n 30 "$folder.log" >&2 && die "apt-get install failed"; }
}

mount_system() {
  local device
  mount --make-rprivate /
  mount --bind "$folder" "$folder"
  mount -t proc proc "$folder/proc"
  mount -t sysfs sysfs "$folder/sys"
  mount -t tmpfs -o mode=755 tmpfs "$folder/run"
  mount -t tmpfs -o mode=1777 tmpfs "$folder/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$folder/dev"
  for device in null zero full random urandom tty; do
    touch "$folder/dev/$device"
    mount --bind "/dev/$device" "$folder/dev/$device"
  done
  mkdir "$folder/dev/pts" "$folder/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$folder/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$folder/dev/shm"
  ln -s pts/ptmx "$folder/dev/ptmx"
  ln -s /proc/self/fd "$folder/dev/fd"
  mount -t cgroup2 cgroup2 "$folder/sys/fs/cgroup"
}

# The second half: process 1 of namespaces of its own becomes systemd.
if [[ ${1:-} == --boot ]]; then
  folder=$2
  mount_system
  exec env -i container=other PATH=$path chroot "$folder" /lib/systemd/systemd --system --log-target=journal
fi

# in_system COMMAND…: beside the systemd that runs there, as a login of root would be.
in_system() {
  local init
  init=$(pgrep -P "$booted" -f /lib/systemd/systemd | head -n 1)
  nsenter -t "$init" -m -u -i -n -p chroot "$folder" /usr/bin/env -i PATH=$path HOME=/root LANG=C.UTF-8 "$@"
}

boot() {
  unshare --mount --pid --fork --uts --ipc --net --cgroup --kill-child "$0" --boot "$folder" \
    </dev/null >"$folder.boot" 2>&1 &
  booted=$!
  for _ in $(seq 100); do
    state=$(in_system systemctl is-system-running 2>/dev/null || true)
    if [[ $state == running || $state == degraded ]]; then
      say "systemd runs there: $state"
      return
    fi
    kill -0 "$booted" 2>/dev/null || break
    sleep 0.2
  done
  cat "$folder.boot" >&2
  die "systemd did not start there"
}

clean_up() {
  if [[ -n ${booted:-} ]]; then kill -9 "$booted" 2>/dev/null || true; fi
  wait 2>/dev/null || true
  rm -rf --one-file-system "$folder" "$folder.log" "$folder.boot"
}

top=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
package=${1:-$(find "$top/build/package" -maxdepth 1 -name 'understudy_*.deb' | sort | tail -n 1)}
[[ -f $package ]] || die "there is no package; make one with ./dev package"
[[ $(id -u) == 0 ]] || die "needs root for chroot"
command -v debootstrap >/dev/null || die "install debootstrap"
folder=$(mktemp -d "${TMPDIR:-/var/tmp}/understudy-installed.XXXXXX")
chmod 755 "$folder"
trap clean_up EXIT
trap 'exit 130' INT TERM

make_base
install_it
boot
in_system python3 /root/checks.py
say "The package works as it is installed"
