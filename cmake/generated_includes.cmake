# mend_generated_includes(): call it after the last find_package and rosidl_generate_interfaces of the folder.
# On a ROS distribution it changes nothing.
function(mend_generated_includes)
  # The ROS 2 wheels export a few include folders of the machine that built them, which stops CMake with
  # "non-existent path": keep those that exist.
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT folders)
      continue()
    endif()
    set(kept "")
    foreach(folder IN LISTS folders)
      if(folder MATCHES "^\\$<" OR EXISTS "${folder}")
        list(APPEND kept "${folder}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()

  # Headers of a virtual environment inside the checkout (make's .venv) may be used, but not exported: CMake stops with
  # "prefixed in the source directory".
  set(target ${PROJECT_NAME}__rosidl_generator_py)
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(folders)
    set(mended "")
    foreach(folder IN LISTS folders)
      string(FIND "${folder}" "${CMAKE_CURRENT_SOURCE_DIR}/" position)
      if(position EQUAL 0)
        set(folder "$<BUILD_INTERFACE:${folder}>")
      endif()
      list(APPEND mended "${folder}")
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${mended}")
  endif()
endfunction()
