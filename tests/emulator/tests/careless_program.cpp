// A program that makes the mistake that its argument names, and looks at no error unless it says
// so.
#include <cuda_runtime_api.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "support/device.h"
#include "support/library.h"

namespace {

using namespace emulator_test;

// Enough of the file format to be taken for machine code.
constexpr char kMachineCode[64] =
    "\x7f"
    "ELF";
const std::string kEmptyKernel = std::string(kPtxHead) + ".visible .entry nothing()\n{\nret;\n}\n";

void load(const char* code) {
  cudaLibrary_t library = nullptr;
  if (cudaLibraryLoadData(&library, code, nullptr, nullptr, 0, nullptr, nullptr, 0) == cudaSuccess)
    cudaLibraryUnload(library);
}

void ask_for_an_array() {
  cudaArray_t array = nullptr;
  const cudaChannelFormatDesc format{32, 0, 0, 0, cudaChannelFormatKindFloat};
  cudaMallocArray(&array, &format, 16, 16, 0);
}

void free_twice() {
  void* memory = nullptr;
  cudaMalloc(&memory, 64);
  cudaFree(memory);
  cudaFree(memory);
}

void copy_past_the_end() {
  void* memory = nullptr;
  char host[128] = {};
  cudaMalloc(&memory, 64);
  cudaMemcpy(memory, host, sizeof host, cudaMemcpyHostToDevice);
  cudaFree(memory);
}

void launch_too_large() {
  const Library library(kEmptyKernel);
  static_cast<void>(library.launch("nothing", dim3(1), dim3(2048), {}));
}

void keep(int count) {
  for (int i = 0; i < count; ++i) {
    void* memory = nullptr;
    cudaMalloc(&memory, 100);
  }
}

const std::map<std::string, std::function<void()>> kMistakes{
    {"load-machine-code", [] { load(kMachineCode); }},
    {"fall-back-to-ptx",
     [] {
       load(kMachineCode);
       load(kEmptyKernel.c_str());
     }},
    {"array", ask_for_an_array},
    {"array-on-purpose",
     [] {
       ask_for_an_array();
       emulator()->reset();
     }},
    {"array-and-leave",
     [] {
       ask_for_an_array();
       _exit(EXIT_SUCCESS);
     }},
    {"array-and-exec",
     [] {
       ask_for_an_array();
       execl("/bin/true", "true", nullptr);
     }},
    {"array-in-a-child",
     [] {
       if (fork() == 0) {
         ask_for_an_array();
         _exit(EXIT_SUCCESS);
       }
       wait(nullptr);
     }},
    {"free-twice", free_twice},
    {"free-twice-and-ask",
     [] {
       free_twice();
       cudaGetLastError();
     }},
    {"copy-past-the-end", copy_past_the_end},
    {"launch-too-large", launch_too_large},
    {"keep", [] { keep(2); }},
    {"reset", [] {
       keep(2);
       cudaDeviceReset();
     }}};

}  // namespace

int main(int argument_count, char** arguments) {
  const auto mistake = kMistakes.find(argument_count == 2 ? arguments[1] : "");
  if (mistake == kMistakes.end()) return EXIT_FAILURE;
  mistake->second();
  std::puts("it went on");
}
