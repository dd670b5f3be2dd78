# Which Debian packages each command needs, and installing those that are missing.

build_packages=(
  g++ cmake ninja-build ccache pkg-config python3 sqlite3 libsqlite3-dev libzmq3-dev cppzmq-dev
  libmsgpack-cxx-dev libspdlog-dev libfmt-dev doctest-dev libxxhash-dev libzstd-dev libcli11-dev
  libcpp-httplib-dev libcurl4-openssl-dev libssl-dev nlohmann-json3-dev libtomlplusplus-dev libbenchmark-dev
  libsystemd-dev
)
# For the tests of the page at /; they skip themselves where there is no browser.
browser_packages=(chromium chromium-driver)
package_packages=(dpkg-dev file gzip)
# For the story of three servers, and tests in network namespaces; they skip themselves without root.
network_packages=(haproxy iproute2 nftables curl)
# For the tests of the lease; they skip themselves where there is no etcd.
lease_packages=(etcd-server etcd-client openssl)
tool_packages=(clang-14 libclang-rt-14-dev clang-format clang-tidy)

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# install_packages PACKAGE…: quick and silent when all are there.
install_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null ||
    die "set-up knows Debian only; install by yourself what dev.d/setup.sh lists"
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
    die "needs root or sudo to install packages; or let somebody who may, run:
  apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "Installing ${missing[*]}"
  run_logged apt-update as_root apt-get update
  run_logged apt-install as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}
