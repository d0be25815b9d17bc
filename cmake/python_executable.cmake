# install_python_executable(<name> <module>): lib/<project>/<name> calls main() of the module.
#
# A virtual environment under a ROS distribution is only found when its Python stands in the first line. The kernel takes
# no blanks and not more than 127 characters there; then /bin/sh reads line two, which Python sees as a string.
function(install_python_executable name module)
  string(LENGTH "${Python3_EXECUTABLE}" length)
  if(Python3_EXECUTABLE MATCHES "[ \t]" OR length GREATER 120)
    set(first_line "#!/bin/sh\n'''exec' \"${Python3_EXECUTABLE}\" \"$0\" \"$@\"\n' '''")
  else()
    set(first_line "#!${Python3_EXECUTABLE}")
  endif()
  set(script "${CMAKE_CURRENT_BINARY_DIR}/executables/${name}")
  file(WRITE "${script}.new" "${first_line}\nimport sys\n\nfrom ${module} import main\n\nsys.exit(main())\n")
  # executable where it lies, too: `colcon build --symlink-install` links to it
  configure_file("${script}.new" "${script}" COPYONLY FILE_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE
  )
  install(PROGRAMS "${script}" DESTINATION "lib/${PROJECT_NAME}")
endfunction()
