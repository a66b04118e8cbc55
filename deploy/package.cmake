# SPDX-License-Identifier: LGPL-3.0-or-later
#
# Debian packages, by `cpack -G DEB` in the build folder: commhub (the program as a service), libcommipc0 (the shared
# client library) and libcommipc-dev (its header, static library and pkg-config file).
#
# What makes the program a service goes to places that a plain `cmake --install` leaves alone.

set(service_files "${CMAKE_CURRENT_LIST_DIR}")

function(commhub_install_for_service source destination)
  install(FILES "${source}" DESTINATION "${destination}" COMPONENT program EXCLUDE_FROM_ALL ${ARGN})
endfunction()

commhub_install_for_service("${service_files}/commhub.service" lib/systemd/system)
commhub_install_for_service("${service_files}/commhub.toml" /etc/commhub)
commhub_install_for_service("${service_files}/completion.bash" share/bash-completion/completions RENAME commhub)
install(FILES "${CMAKE_SOURCE_DIR}/docs/man/commhub.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT program)
set(components program library development)
set(packages commhub libcommipc0 libcommipc-dev)
foreach(component package IN ZIP_LISTS components packages)
  install(FILES "${CMAKE_SOURCE_DIR}/LICENSE" DESTINATION "share/doc/${package}" RENAME copyright
          COMPONENT ${component} EXCLUDE_FROM_ALL)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
endforeach()

set(CPACK_PACKAGE_NAME commhub)
set(CPACK_PACKAGE_VENDOR CommHub)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "messaging hub for the CommIPC protocol")
set(CPACK_PACKAGE_CONTACT "CommHub <commhub@localhost>")
set(CPACK_COMPONENTS_ALL ${components})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
# /etc is outside of the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION 
    "The hub as a service: calls, streams, groups of workers, publish and subscribe for programs written with the Python
package comm-ipc. Hubs join into one mesh; a page, REST and commands manage it.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_CONTROL_EXTRA "${service_files}/debian/conffiles;${service_files}/debian/postinst"
    "${service_files}/debian/prerm;${service_files}/debian/postrm")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION 
    "The client library: C programs speak the protocol with it, to CommHub and to hubs of the Python package comm-ipc.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION 
    "The header, the static library and the pkg-config file of libcommipc.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libcommipc0 (= ${PROJECT_VERSION}-1), libssl-dev")
include(CPack)
