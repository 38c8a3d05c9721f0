# The tests of the CUDA executor, and those that hold on every device once more on a CUDA one: emulated (label `emulated`),
# and a real one where it is there (label `gpu`). The programs are the same.
set(on_cuda_environment
  "TENDON_DEVICE=cuda;TENDON_CUDA_LIBRARY=$<TARGET_FILE:tendon_cuda>;TENDON_CACHE_DIR=${CMAKE_BINARY_DIR}/cuda_cache")
set(emulated_environment
  "${on_cuda_environment};TENDON_EMULATOR_STRICT=1;TENDON_EMULATOR_DEVICES=2;LD_LIBRARY_PATH=${EMULATOR_LIBRARY_DIR}")

# The tests of a program that FILTER lets through, all without one. Called in the folder that makes the program.
function(run_on_cuda room target)  # [FILTER]
  add_dependencies(${target} tendon_cuda)
  set(settings "")  # what gtest_discover_tests cannot set: lists
  if(TARGET emulated_cuda)
    add_dependencies(${target} emulated_cuda)
    gtest_discover_tests(${target} TEST_PREFIX cuda.${room}. TEST_FILTER "${ARGN}" TEST_LIST ${room}_on_emulated
      DISCOVERY_TIMEOUT 60)
    string(APPEND settings "set_tests_properties(\${${room}_on_emulated} PROPERTIES LABELS emulated TIMEOUT 900
      ENVIRONMENT \"${emulated_environment}\")\n")
  endif()
  if(EXISTS /dev/nvidiactl)
    gtest_discover_tests(${target} TEST_PREFIX gpu.${room}. TEST_FILTER "${ARGN}" TEST_LIST ${room}_on_gpu
      DISCOVERY_TIMEOUT 60)
    string(APPEND settings
      "set_tests_properties(\${${room}_on_gpu} PROPERTIES LABELS gpu RUN_SERIAL ON ENVIRONMENT \"${on_cuda_environment}\")\n")
  endif()
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${room}_on_cuda.cmake)
  file(GENERATE OUTPUT ${script} CONTENT "${settings}")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
endfunction()

# A command that passes where its output matches and the emulator has nothing to report.
function(run_command_on_cuda room name expression)  # COMMAND...
  if(TARGET emulated_cuda)
    add_test(NAME cuda.${room}.${name} COMMAND ${ARGN})
    set_tests_properties(cuda.${room}.${name} PROPERTIES LABELS emulated TIMEOUT 900
      PASS_REGULAR_EXPRESSION "${expression}" FAIL_REGULAR_EXPRESSION "emulator: "
      ENVIRONMENT "${emulated_environment}")
  endif()
  if(EXISTS /dev/nvidiactl)
    add_test(NAME gpu.${room}.${name} COMMAND ${ARGN})
    set_tests_properties(gpu.${room}.${name} PROPERTIES LABELS gpu RUN_SERIAL ON
      PASS_REGULAR_EXPRESSION "${expression}" ENVIRONMENT "${on_cuda_environment}")
  endif()
endfunction()

file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_test.cpp)
add_executable(tendon_test_cuda ${sources} $<TARGET_OBJECTS:tendon_cuda_objects>)
# The gates are measured over the workloads of the bench. Their sources, since the tests hold the library's objects.
foreach(workload activations black_scholes chain cross_entropy layer_norm muscle_residual)
  target_sources(tendon_test_cuda PRIVATE ${PROJECT_SOURCE_DIR}/bench/workloads/${workload}.cpp)
endforeach()
target_sources(tendon_test_cuda PRIVATE ${CMAKE_CURRENT_LIST_DIR}/emulated_device.cpp ${CMAKE_CURRENT_LIST_DIR}/heap.cpp
  ${CMAKE_CURRENT_LIST_DIR}/measured_run.cpp)
target_include_directories(tendon_test_cuda SYSTEM PRIVATE ${TENDON_CUDA_INCLUDE})
target_link_libraries(tendon_test_cuda
  PRIVATE tendon_test_support tendon_cuda_kernels nlohmann_json::nlohmann_json ${TENDON_CUDART})
target_compile_definitions(tendon_test_cuda PRIVATE TENDON_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
run_on_cuda(executor tendon_test_cuda)
foreach(room backend fuzz misuse ops record semantics)
  run_on_cuda(${room} tendon_test_${room})
endforeach()
run_on_cuda(plan tendon_test_plan RandomTapes.*:DegenerateTapes.*)
