# Part of the build and of the installed package.

# ivory_write_manifest(target)
# Writes <library>.manifest.json beside a module's library after each link, with the program ivory::manifest.
# For a module of the user's: add_library(mine SHARED mine.cpp), link ivory::registry, then this.
function(ivory_write_manifest target)
  if(PROJECT_NAME STREQUAL "ivory" AND NOT ivory_FOUND) # in Ivory's own build, where the program may come later
    add_dependencies(${target} ivory_manifest)
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "SHARED_LIBRARY")
    set(library "$<TARGET_FILE_DIR:${target}>/$<TARGET_LINKER_FILE_NAME:${target}>")
  else()
    set(library "$<TARGET_FILE:${target}>")
  endif()
  # Leaks at the exit of a program that only lists declarations say nothing about the module.
  add_custom_command(TARGET ${target} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E env "ASAN_OPTIONS=detect_leaks=0" $<TARGET_FILE:ivory::manifest> "${library}"
    COMMENT "Writing the manifest of ${target}" VERBATIM)
endfunction()
