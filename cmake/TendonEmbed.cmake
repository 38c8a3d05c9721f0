# tendon_embed_headers(<output.cpp> <file>...): makes a source file with the function tendon::cuda::jit_headers() of
# host/cuda/jit_headers.h, which gives the files' texts under the names tendon/<file name>. Made anew when one changes.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(TENDON_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
  function(tendon_embed_headers output)
    list(JOIN ARGN "|" files)  # a list would fall apart on the command line
    add_custom_command(OUTPUT ${output}
      COMMAND ${CMAKE_COMMAND} -D OUTPUT=${output} -D FILES=${files} -P ${TENDON_EMBED_SCRIPT}
      DEPENDS ${ARGN} ${TENDON_EMBED_SCRIPT} COMMENT "Embedding the headers of generated kernels" VERBATIM)
  endfunction()
  return()
endif()

# A string literal holds 64 KiB with every compiler; longer texts are several, side by side.
set(piece_bytes 60000)
string(REPLACE "|" ";" files "${FILES}")
set(headers "")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(LENGTH "${text}" length)
  set(literals "")
  set(begin 0)
  while(begin LESS length)
    string(SUBSTRING "${text}" ${begin} ${piece_bytes} piece)
    string(APPEND literals "R\"tendon(${piece})tendon\"")
    math(EXPR begin "${begin} + ${piece_bytes}")
  endwhile()
  string(APPEND headers "    {\"tendon/${name}\", ${literals}},\n")
endforeach()
file(WRITE ${OUTPUT} "// Made by cmake/TendonEmbed.cmake.
#include \"host/cuda/jit_headers.h\"

namespace tendon::cuda {
namespace {

constexpr JitHeader kHeaders[] = {
${headers}};

}  // namespace

std::span<const JitHeader> jit_headers() { return kHeaders; }

}  // namespace tendon::cuda
")
