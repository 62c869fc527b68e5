include(IvoryModule)

# ivory_add_library(name [PUBLIC targets…] [PRIVATE targets…] [PACKAGES packages…])
# The library in the current folder: include/ivory/<name>/*.h are its public headers, src/*.cpp its body.
# What it does not link it cannot include. PUBLIC takes Ivory's own libraries: third-party packages stay behind
# .cpp files, so that find_package(ivory) needs none of them. A module whose users see one all the same names
# it under PACKAGES, and find_package(ivory COMPONENTS <name>) looks for it.
function(ivory_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PUBLIC;PRIVATE;PACKAGES")
  set(needs ${arg_PUBLIC} ${arg_PRIVATE})
  list(FILTER needs INCLUDE REGEX "^ivory::")
  set(foreign ${arg_PUBLIC})
  list(FILTER foreign EXCLUDE REGEX "^ivory::")
  if(foreign AND NOT arg_PACKAGES)
    message(FATAL_ERROR "ivory_${name} should link ${foreign} PRIVATE: a third-party package stays behind .cpp files")
  endif()
  set(own ${arg_PRIVATE})
  list(FILTER own INCLUDE REGEX "^ivory::")
  set(foreign ${arg_PRIVATE})
  list(FILTER foreign EXCLUDE REGEX "^ivory::")
  list(TRANSFORM foreign REPLACE "^([^$].*)$" "$<BUILD_INTERFACE:\\1>")

  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp" "${CMAKE_CURRENT_SOURCE_DIR}/src/*/*.cpp")
  add_library(ivory_${name} SHARED ${sources})
  add_library(ivory::${name} ALIAS ivory_${name})
  set_target_properties(ivory_${name} PROPERTIES
    OUTPUT_NAME ivory-${name} EXPORT_NAME ${name}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_include_directories(ivory_${name}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
  target_compile_features(ivory_${name} PUBLIC cxx_std_20)
  target_link_libraries(ivory_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${own} ${foreign} $<BUILD_INTERFACE:ivory_warnings>)

  # For the install, the package's components and the tests of the structure.
  list(TRANSFORM needs REPLACE "^ivory::" "")
  set_property(GLOBAL APPEND PROPERTY IVORY_LIBRARIES ${name})
  set_property(GLOBAL PROPERTY IVORY_NEEDS_${name} ${needs})
  set_property(GLOBAL PROPERTY IVORY_PACKAGES_${name} ${arg_PACKAGES})
  set_property(GLOBAL PROPERTY IVORY_FOLDER_${name} "${CMAKE_CURRENT_SOURCE_DIR}")
  install(TARGETS ivory_${name} EXPORT ivory-${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${name})
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/include")
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT ${name})
  endif()
endfunction()

# ivory_add_module(name …), as ivory_add_library.
# A module that Ivory loads on demand: a library whose manifest is written beside it when it is built,
# so that YAML can be checked without loading its code.
function(ivory_add_module name)
  ivory_add_library(${name} ${ARGN})
  ivory_write_manifest(ivory_${name})
  install(FILES "$<TARGET_FILE_DIR:ivory_${name}>/$<TARGET_LINKER_FILE_NAME:ivory_${name}>.manifest.json"
          DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${name})
endfunction()

# ivory_add_test(name [WHOLE] [LIBS targets…] [SOURCES files…] [LABELS labels…] [TIMEOUT seconds])
# The tests in the current folder: every *_test.cpp unless SOURCES says otherwise; one program, one ctest
# entry a test case, or one for all if WHOLE (a program that links libtorch takes half a second to start).
# The target <label>_tests builds all programs of a label. Labels in use: `concurrent` (run under
# ThreadSanitizer too) and `torch_smoke` (run under AddressSanitizer with the torch module).
function(ivory_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WHOLE" "TIMEOUT" "LIBS;SOURCES;LABELS")
  if(NOT arg_SOURCES)
    file(GLOB arg_SOURCES CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "${name}: no *_test.cpp in ${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} GTest::gmock GTest::gtest_main ivory_warnings)
  target_compile_definitions(${name} PRIVATE IVORY_SOURCE_DIR="${PROJECT_SOURCE_DIR}" IVORY_BINARY_DIR="${PROJECT_BINARY_DIR}")
  if(arg_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  else()
    gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  endif()
  foreach(label ${arg_LABELS})
    if(NOT TARGET ${label}_tests)
      add_custom_target(${label}_tests)
    endif()
    add_dependencies(${label}_tests ${name})
  endforeach()
endfunction()
