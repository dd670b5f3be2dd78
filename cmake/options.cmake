# Compiler options for every target of ours: warnings are errors, sanitizers on request.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(understudy_options INTERFACE)
target_include_directories(understudy_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(understudy_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align
  -Wimplicit-fallthrough -Werror)
target_compile_definitions(understudy_options INTERFACE UNDERSTUDY_VERSION="${PROJECT_VERSION}")
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(understudy_options INTERFACE -Wthread-safety)
endif()
if(UNDERSTUDY_SANITIZE)
  target_compile_options(understudy_options INTERFACE -fsanitize=${UNDERSTUDY_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(understudy_options INTERFACE -fsanitize=${UNDERSTUDY_SANITIZE})
endif()
