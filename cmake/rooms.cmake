# understudy_room(<name> [dependencies…]): the static library of the current folder's *.cpp,
# named understudy_<name>. Each room includes headers by their path from the top folder.
function(understudy_room name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    add_library(understudy_${name} STATIC ${sources})
    target_link_libraries(understudy_${name} PUBLIC understudy_options ${ARGN})
  else()
    add_library(understudy_${name} INTERFACE)
    target_link_libraries(understudy_${name} INTERFACE understudy_options ${ARGN})
  endif()
endfunction()

# understudy_schema(<room> <file>): schemas/<file> is the one place of the schema; the room carries it
# as a constant, by its <name>_schema.h.in, in which @SCHEMA_SQL@ stands for the text.
function(understudy_schema room file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schemas/${file})
  file(READ ${PROJECT_SOURCE_DIR}/schemas/${file} SCHEMA_SQL)
  configure_file(${room}_schema.h.in
    ${PROJECT_BINARY_DIR}/generated/common/${room}/${room}_schema.h @ONLY)
  target_include_directories(understudy_${room} PRIVATE ${PROJECT_BINARY_DIR}/generated)
endfunction()

# understudy_test(<name> [libraries…]): one doctest program of the current folder's *.cpp, run by CTest.
function(understudy_test name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE understudy_options understudy_test_main ${ARGN})
  add_test(NAME ${name} COMMAND test_${name})
endfunction()
