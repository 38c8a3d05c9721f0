# tendon_compile_kernels(<variable> <source.cu>...): sets the variable to the objects of what nvcc compiles ahead of time.
# Every build has the machine code of each architecture that a device may have, and for those to come the PTX of the
# oldest. Configuring asks for no GPU: the architectures are a list. Not compressed: the emulated device
# (tests/emulator) takes no other PTX.
set(tendon_architectures -gencode arch=compute_80,code=[compute_80,sm_80])
foreach(architecture 86 89 90 100 120)
  list(APPEND tendon_architectures -gencode arch=compute_${architecture},code=sm_${architecture})
endforeach()

function(tendon_compile_kernels objects)
  set(compiled "")
  foreach(source ${ARGN})
    cmake_path(GET source STEM stem)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/kernels/${stem}.o)
    # An op's result is rounded to its dtype: no contraction across ops.
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/kernels
      COMMAND ${TENDON_NVCC} -std=c++20 -O2 -cudart shared ${tendon_architectures} -no-compress --threads 2 -lineinfo --fmad=false
        -ccbin ${CMAKE_CXX_COMPILER} -Xcompiler=-Wall,-Wextra,-fPIC,-fvisibility=hidden
        $<$<BOOL:${TENDON_WERROR}>:-Werror=all-warnings> -I${CMAKE_CURRENT_SOURCE_DIR} -MD -MF ${object}.d
        -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "Compiling ${stem}.cu for CUDA devices" VERBATIM COMMAND_EXPAND_LISTS)
    list(APPEND compiled ${object})
  endforeach()
  set(${objects} ${compiled} PARENT_SCOPE)
endfunction()
