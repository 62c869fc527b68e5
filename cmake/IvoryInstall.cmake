# The package: find_package(ivory [COMPONENTS base tracking …]) gives ivory::<library> for each component and
# what it needs, or for all that need no further package; the component ivory is the command line, ivory::ivory.
# Programs: ivory::command, and ivory::manifest for ivory_write_manifest.
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/ivory)

get_property(IVORY_LIBRARIES GLOBAL PROPERTY IVORY_LIBRARIES)
set(IVORY_NEEDS "")
foreach(library ${IVORY_LIBRARIES})
  get_property(needs GLOBAL PROPERTY IVORY_NEEDS_${library})
  get_property(packages GLOBAL PROPERTY IVORY_PACKAGES_${library})
  string(APPEND IVORY_NEEDS "set(_ivory_needs_${library} ${needs})\nset(_ivory_packages_${library} ${packages})\n")
  install(EXPORT ivory-${library} NAMESPACE ivory:: DESTINATION ${package_folder} COMPONENT ${library})
endforeach()

foreach(program manifest command)
  set_target_properties(ivory_${program} PROPERTIES EXPORT_NAME ${program})
  install(TARGETS ivory_${program} EXPORT ivory-programs RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
endforeach()
install(EXPORT ivory-programs NAMESPACE ivory:: DESTINATION ${package_folder} COMPONENT programs)

configure_package_config_file(cmake/ivoryConfig.cmake.in ivoryConfig.cmake INSTALL_DESTINATION ${package_folder}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(ivoryConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ivoryConfig.cmake" "${PROJECT_BINARY_DIR}/ivoryConfigVersion.cmake"
  cmake/IvoryModule.cmake DESTINATION ${package_folder} COMPONENT package)
