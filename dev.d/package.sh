# The Debian package, from the release build (cmake/packaging.cmake, deploy/debian).

build_package() {
  install_packages "${build_packages[@]}" "${package_packages[@]}"
  build_preset release understudy understudy_commit shipped_files
  say "Packing"
  mkdir -p build/package
  run_logged cpack cpack --config build/release/CPackConfig.cmake -G DEB
  say "$(ls -1t build/package/*.deb | head -n 1)"
}
