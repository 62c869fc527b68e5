# lib/ivory-build.json: how the sources that a user's client.yml names are compiled, as Ivory itself was. Ivory
# finds it beside its libraries; paths in it start from its own folder.

# ivory_json_list(variable value…)   ["value", …]
function(ivory_json_list variable)
  set(values ${ARGN})
  list(TRANSFORM values REPLACE "([\"\\\\])" "\\\\\\1")
  list(JOIN values "\", \"" text)
  if(values)
    set(text "\"${text}\"")
  endif()
  set(${variable} "[${text}]" PARENT_SCOPE)
endfunction()

function(ivory_write_user_build)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(compile_flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  list(APPEND compile_flags -std=c++20 -fPIC)
  set(link_flags "")
  if(IVORY_MOLD)
    list(APPEND link_flags -fuse-ld=mold)
  endif()
  if(IVORY_SANITIZE)
    list(APPEND compile_flags -fsanitize=${IVORY_SANITIZE} -fno-omit-frame-pointer -g1)
    list(APPEND link_flags -fsanitize=${IVORY_SANITIZE})
  else()
    list(APPEND link_flags -Wl,-z,defs) # what is not defined is said here, not when it is loaded
  endif()

  # What `ivory` links, and what a user's classes may use beside it.
  get_property(all GLOBAL PROPERTY IVORY_LIBRARIES)
  set(names app tuning torch)
  list(REVERSE all) # a library comes after what it links
  foreach(name ${all})
    if(name IN_LIST names)
      get_property(needs GLOBAL PROPERTY IVORY_NEEDS_${name})
      list(APPEND names ${needs})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES names)
  foreach(name tuning torch)
    if(NOT TARGET ivory_${name})
      list(REMOVE_ITEM names ${name})
    endif()
  endforeach()
  foreach(name ${names})
    add_dependencies(ivory_command ivory_${name}) # is there when the command needs it
  endforeach()
  set(folders "")
  foreach(name ${names})
    get_property(folder GLOBAL PROPERTY IVORY_FOLDER_${name})
    list(APPEND folders "${folder}/include")
  endforeach()
  list(TRANSFORM names PREPEND "ivory-" OUTPUT_VARIABLE libraries)
  set(system "")
  set(packages "")
  if(torch IN_LIST names)
    find_package(Torch REQUIRED)
    set(system ${TORCH_INCLUDE_DIRS})
    list(REMOVE_ITEM system ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})
    get_target_property(location torch IMPORTED_LOCATION)
    cmake_path(GET location PARENT_PATH folder)
    if(folder AND NOT folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
      list(APPEND link_flags "-L${folder}" "-Wl,-rpath,${folder}")
    endif()
    list(APPEND libraries torch torch_cpu c10)
    get_target_property(definitions torch_cpu INTERFACE_COMPILE_DEFINITIONS)
    if(definitions)
      list(FILTER definitions EXCLUDE REGEX "\\$<")
      list(TRANSFORM definitions PREPEND "-D")
      list(APPEND compile_flags ${definitions})
    endif()
    set(packages "Torch ${Torch_VERSION}")
  endif()

  foreach(list compile_flags link_flags libraries system packages folders)
    ivory_json_list(${list}_json ${${list}})
  endforeach()
  file(RELATIVE_PATH installed_include "/prefix/${CMAKE_INSTALL_LIBDIR}" "/prefix/${CMAKE_INSTALL_INCLUDEDIR}")
  file(RELATIVE_PATH installed_bin "/prefix/${CMAKE_INSTALL_LIBDIR}" "/prefix/${CMAKE_INSTALL_BINDIR}")

  set(where_built "${PROJECT_BINARY_DIR}/lib/ivory-build.json")
  set(where_installed "${PROJECT_BINARY_DIR}/installed/ivory-build.json")
  ivory_write_user_build_to("${where_built}" "../bin/ivory-manifest" "${folders_json}")
  ivory_write_user_build_to("${where_installed}" "${installed_bin}/ivory-manifest" "[\"${installed_include}\"]")
  install(FILES "${where_installed}" DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT experiment)
endfunction()

function(ivory_write_user_build_to file manifest_program include_directories)
  file(CONFIGURE OUTPUT "${file}" @ONLY CONTENT [=[{
 "compiler": "@CMAKE_CXX_COMPILER@",
 "compile_flags": @compile_flags_json@,
 "include_directories": @include_directories@,
 "system_include_directories": @system_json@,
 "link_flags": @link_flags_json@,
 "libraries": @libraries_json@,
 "packages": @packages_json@,
 "manifest_program": "@manifest_program@"
}
]=])
endfunction()

ivory_write_user_build()
