# The tests of the CUDA executor, and those that hold on every device once more on a CUDA one: emulated (label `emulated`),
# and a real one where it is there (label `gpu`). The programs are the same.
set(TENDON_TEST_CACHE_DIR ${CMAKE_BINARY_DIR}/cuda_cache CACHE PATH "Where the tests keep compiled kernels")
set(on_cuda_environment
  "TENDON_DEVICE=cuda;TENDON_CUDA_LIBRARY=$<TARGET_FILE:tendon_cuda>;TENDON_CACHE_DIR=${TENDON_TEST_CACHE_DIR}")
# Tests make calls fail and end with values that live; those two checks are for programs.
set(emulated_environment
  "${on_cuda_environment};TENDON_EMULATOR_STRICT=1;TENDON_EMULATOR_CHECKS=-calls,-leaks;TENDON_EMULATOR_DEVICES=2;LD_LIBRARY_PATH=${EMULATOR_LIBRARY_DIR}")

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
foreach(workload activations adam black_scholes chain classifier cross_entropy layer_norm mlp muscle_residual repeated_op)
  target_sources(tendon_test_cuda PRIVATE ${PROJECT_SOURCE_DIR}/bench/workloads/${workload}.cpp)
endforeach()
# What the tests of recording show on the CPU and on a device that is faked, here on CUDA.
target_sources(tendon_test_cuda PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/record/steady_state_test.cpp
  ${CMAKE_CURRENT_SOURCE_DIR}/record/heap.cpp)
target_sources(tendon_test_cuda PRIVATE ${CMAKE_CURRENT_LIST_DIR}/emulated_device.cpp
  ${CMAKE_CURRENT_LIST_DIR}/measured_run.cpp ${CMAKE_CURRENT_LIST_DIR}/suite.cpp ${CMAKE_CURRENT_LIST_DIR}/kernel_facts.cpp)
target_include_directories(tendon_test_cuda SYSTEM PRIVATE ${TENDON_CUDA_INCLUDE})
target_link_libraries(tendon_test_cuda
  PRIVATE tendon_test_support tendon_cuda_kernels nlohmann_json::nlohmann_json ${TENDON_CUDART})
target_compile_definitions(tendon_test_cuda PRIVATE TENDON_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
  TENDON_GOLDEN_KERNELS="${CMAKE_CURRENT_LIST_DIR}/golden")
# Libraries of CUDA that do nothing but tell their version.
foreach(major 12 13)
  add_library(tendon_fake_library_${major} MODULE ${CMAKE_CURRENT_LIST_DIR}/programs/fake_library.cpp)
  target_compile_definitions(tendon_fake_library_${major} PRIVATE FAKE_MAJOR=${major})
  target_link_libraries(tendon_fake_library_${major} PRIVATE tendon_settings)
  target_compile_definitions(tendon_test_cuda PRIVATE
    TENDON_FAKE_LIBRARY_${major}="$<TARGET_FILE:tendon_fake_library_${major}>")
  add_dependencies(tendon_test_cuda tendon_fake_library_${major})
endforeach()
run_on_cuda(executor tendon_test_cuda)
# As it is installed: a runpath, without folders that depend on the current one.
add_test(NAME cuda.library.FindsCudaBesideItAndInTheToolkit COMMAND ${CMAKE_OBJDUMP} -p $<TARGET_FILE:tendon_cuda>)
cmake_path(GET TENDON_CUDART PARENT_PATH toolkit_libraries)
set_tests_properties(cuda.library.FindsCudaBesideItAndInTheToolkit PROPERTIES
  PASS_REGULAR_EXPRESSION "RUNPATH +[$]ORIGIN:${toolkit_libraries}(:/[^:\n]+)*\n")
foreach(room backend fuzz misuse ops semantics)
  run_on_cuda(${room} tendon_test_${room})
endforeach()
run_on_cuda(record tendon_test_record -MissingDevice.*:FakeDevice.*)
run_on_cuda(plan tendon_test_plan RandomTapes.*:*SameBits.*:DegenerateTapes.*:*.*AreAsThePlainExecutorHasThem*:Columns.AreReducedFrom*)

# Processes of their own, in which something is amiss from the start.
if(TARGET emulated_cuda)
  add_executable(tendon_goes_on ${CMAKE_CURRENT_LIST_DIR}/programs/goes_on.cpp)
  target_link_libraries(tendon_goes_on PRIVATE tendon::tendon tendon_settings Threads::Threads)
  add_library(tendon_failing_nvrtc MODULE ${CMAKE_CURRENT_LIST_DIR}/programs/failing_nvrtc.cpp)
  target_include_directories(tendon_failing_nvrtc SYSTEM PRIVATE ${TENDON_CUDA_INCLUDE})
  target_link_libraries(tendon_failing_nvrtc PRIVATE tendon_settings)
  add_dependencies(tendon_goes_on tendon_cuda emulated_cuda tendon_failing_nvrtc)

  function(goes_on name mode environment)  # WORDS that it says
    add_test(NAME cuda.process.${name} COMMAND tendon_goes_on "${mode}" ${ARGN})
    set_tests_properties(cuda.process.${name} PROPERTIES LABELS emulated TIMEOUT 300 ENVIRONMENT
      "${emulated_environment};${environment}")
  endfunction()
  goes_on(WithoutADevice "" "TENDON_EMULATOR_FAIL=cudaGetDeviceCount:1:100"
    "DeviceError 100: Device::cuda at goes_on.cpp:" "cuda:0 is not available: the driver finds no device"
    "cpu computes 3")
  goes_on(WithoutADriver "" "TENDON_EMULATOR_FAIL=cudaGetDeviceCount:1:35,cudaDriverGetVersion:1:35"
    "DeviceError 35: Device::cuda at goes_on.cpp:" "cuda:0 is not available: no NVIDIA driver is installed"
    "cpu computes 3")
  goes_on(WithADriverThatIsTooOld "" "TENDON_EMULATOR_FAIL=cudaGetDeviceCount:1:35"
    "DeviceError 35: Device::cuda at goes_on.cpp:" "cuda:0 is not available: the NVIDIA driver knows CUDA"
    "this build needs" "cpu computes 3")
  goes_on(OnADeviceThatIsBusyAtFirst "" "TENDON_EMULATOR_FAIL=cudaStreamCreateWithFlags:1:46"
    "DeviceError 46: cuda:0 is not available: cudaStreamCreateWithFlags failed: cudaErrorDevicesUnavailable"
    "cpu computes 3" "cuda computes 3")
  goes_on(OnADeviceWithoutMemoryAtFirst "" "TENDON_EMULATOR_FAIL=cudaStreamCreateWithFlags:1:2"
    "DeviceError 2: cuda:0 is not available: cudaStreamCreateWithFlags failed" "cpu computes 3" "cuda computes 3")
  goes_on(WithoutACompiler "" "TENDON_NVRTC=/nowhere/libnvrtc.so;TENDON_CACHE_BYTES=0"
    "DeviceError 0: kernels cannot be compiled" "/nowhere/libnvrtc.so" "TENDON_NVRTC" "cpu computes 3")
  goes_on(WithACompilerThatFails "" "TENDON_NVRTC=$<TARGET_FILE:tendon_failing_nvrtc>;TENDON_CACHE_BYTES=0"
    "CompileError: the kernel pointwise_" "log: the compiler has a bad day" "source: " "__global__" "cpu computes 3")
  goes_on(WithACacheThatCannotBeWritten "" "TENDON_CACHE_DIR=/proc/tendon" "cuda computes 3")
  goes_on(ThatForks fork ""
    "in the child: cuda computes DeviceError 0: this process was forked from one that uses CUDA" "cuda computes 3")
  goes_on(ThatKeepsValuesToTheEnd exit "" "cuda computes 3")

  add_test(NAME cuda.process.StaticsMayComputeAtExit COMMAND tendon_at_exit)
  set_tests_properties(cuda.process.StaticsMayComputeAtExit PROPERTIES LABELS emulated
    PASS_REGULAR_EXPRESSION "last loss 27 of 1000" ENVIRONMENT
    "${emulated_environment};TENDON_CACHE_BYTES=0")
endif()

# Profilers see the names of plans and of what these launch.
add_library(tendon_nvtx_recorder MODULE ${CMAKE_CURRENT_LIST_DIR}/nvtx_recorder.cpp)
target_include_directories(tendon_nvtx_recorder SYSTEM PRIVATE ${TENDON_CUDA_INCLUDE})
target_link_libraries(tendon_nvtx_recorder PRIVATE tendon_settings)
if(TARGET emulated_cuda)
  add_test(NAME cuda.NvtxNamesPlansAndKernels
    COMMAND tendon_test_cuda --gtest_filter=Gates/MuscleGate.*/2)
  set_tests_properties(cuda.NvtxNamesPlansAndKernels PROPERTIES LABELS emulated
    ENVIRONMENT "${emulated_environment};NVTX_INJECTION64_PATH=$<TARGET_FILE:tendon_nvtx_recorder>"
    PASS_REGULAR_EXPRESSION "nvtx domain tendon.*nvtx 0 [^\n]*in the kernel chunks_")
endif()
