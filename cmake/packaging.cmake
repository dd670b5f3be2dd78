# What is installed where, and the Debian package made of it (./dev package). Sanitized and fuzzing builds are
# never shipped.
if(UNDERSTUDY_SANITIZE OR UNDERSTUDY_FUZZ)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(deploy ${PROJECT_SOURCE_DIR}/deploy)
set(shipped ${PROJECT_BINARY_DIR}/shipped)
file(MAKE_DIRECTORY ${shipped})

# Made by the program itself out of its own options: manual pages and completions.
foreach(page understudy.1 understudy.toml.5)
  add_custom_command(OUTPUT ${shipped}/${page}
    COMMAND Python3::Interpreter ${deploy}/man/fill_in.py $<TARGET_FILE:understudy> ${PROJECT_VERSION}
            ${deploy}/man/${page}.in ${shipped}/${page}
    DEPENDS understudy ${deploy}/man/${page}.in ${deploy}/man/fill_in.py VERBATIM)
  add_custom_command(OUTPUT ${shipped}/${page}.gz
    COMMAND gzip -9nkf ${shipped}/${page} DEPENDS ${shipped}/${page} VERBATIM)
  list(APPEND shipped_files ${shipped}/${page}.gz)
endforeach()
foreach(shell bash zsh fish)
  add_custom_command(OUTPUT ${shipped}/completion.${shell}
    COMMAND $<TARGET_FILE:understudy> completion ${shell} > ${shipped}/completion.${shell}
    DEPENDS understudy VERBATIM)
  list(APPEND shipped_files ${shipped}/completion.${shell})
endforeach()
add_custom_command(OUTPUT ${shipped}/changelog.gz
  COMMAND gzip -9nc ${deploy}/debian/changelog > ${shipped}/changelog.gz
  DEPENDS ${deploy}/debian/changelog VERBATIM)
add_custom_target(shipped_files ALL DEPENDS ${shipped_files} ${shipped}/changelog.gz)

# Paths are Debian's, relative to /usr where they can be.
set(doc share/doc/understudy)
install(TARGETS understudy_commit LIBRARY DESTINATION lib/understudy)
install(FILES ${shipped}/understudy.1.gz DESTINATION share/man/man1)
install(FILES ${shipped}/understudy.toml.5.gz DESTINATION share/man/man5)
install(FILES ${shipped}/completion.bash DESTINATION share/bash-completion/completions RENAME understudy)
install(FILES ${shipped}/completion.zsh DESTINATION share/zsh/vendor-completions RENAME _understudy)
install(FILES ${shipped}/completion.fish DESTINATION share/fish/vendor_completions.d RENAME understudy.fish)
install(FILES ${deploy}/systemd/understudy.service ${deploy}/systemd/understudy@.service
        DESTINATION /lib/systemd/system)
install(FILES ${deploy}/etc/understudy.toml DESTINATION /etc/understudy)
install(FILES ${shipped}/changelog.gz ${deploy}/debian/copyright DESTINATION ${doc})
install(FILES README.md CHANGELOG.md DESTINATION ${doc})
install(DIRECTORY docs/ DESTINATION ${doc} FILES_MATCHING PATTERN *.md)
install(DIRECTORY schemas DESTINATION ${doc})
install(FILES ${deploy}/README.md DESTINATION ${doc} RENAME DEPLOY.md)
# Everything in deploy/ that an operator copies from.
install(DIRECTORY ${deploy}/ DESTINATION ${doc}/examples
  PATTERN debian EXCLUDE PATTERN man EXCLUDE PATTERN three-servers EXCLUDE PATTERN README.md EXCLUDE PATTERN __pycache__ EXCLUDE
  PATTERN understudy.service EXCLUDE PATTERN understudy@.service EXCLUDE)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME understudy)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Understudy <understudy@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "hot standbys of live SQLite databases, ready to take over")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Understudy streams each committed transaction of a SQLite database in WAL mode
to standbys on other machines, byte for byte and within milliseconds, without
any change of the application. A standby can be queried all the time, and takes
over when the primary is lost. Commits may wait until standbys have them.
.
It comes with systemd units, a configuration file, a loadable extension for
commits that wait, and examples for three servers behind a load balancer.")
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/../package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "haproxy, sqlite3")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${deploy}/debian/postinst ${deploy}/debian/prerm ${deploy}/debian/postrm ${deploy}/debian/conffiles)
include(CPack)
