// A process in which something of CUDA is amiss: computes on the device, says what is thrown,
// computes on the CPU, and once more on the device. What it says must have all the words it is
// given: goes_on MODE WORD...
#include <sys/wait.h>
#include <tendon/tendon.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <sstream>
#include <string_view>
#include <thread>

using namespace tendon;

namespace {

std::ostringstream said;

void compute() { said << (Tensor::from<float>({1, 2}) + 1).to_vector<float>()[1] << '\n'; }

void compute_on_cuda() {
  try {
    set_default_device(Device::cuda());
    said << "cuda computes ";
    compute();
  } catch (const CompileError& error) {
    said << "CompileError: " << error.what() << "\nlog: " << error.log()
         << "\nsource: " << error.source() << '\n';
  } catch (const DeviceError& error) {
    said << "DeviceError " << error.code() << ": " << error.what() << '\n';
  }
}

void compute_on_cpu() {
  set_default_device(Device::cpu());
  said << "cpu computes ";
  compute();
}

// What is said in a child.
void compute_in_a_child() {
  compute_on_cuda();
  int ends[2] = {};
  if (pipe(ends) != 0) return;
  const pid_t child = fork();
  if (child == 0) {
    said.str("");
    compute_on_cuda();
    const std::string text = "in the child: " + said.str();
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t count = 0; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
    said.write(buffer, count);
  int status = 1;
  waitpid(child, &status, 0);
  if (status != 0) said << "the child failed\n";
  compute_on_cuda();
}

// Values and a tape that go after main and with their threads, unread work among them.
struct Kept {
  Tensor value, pending;
  std::unique_ptr<Variable> variable;
  std::unique_ptr<GradientTape> tape;

  void fill() {
    variable = std::make_unique<Variable>(Tensor::from<float>({1, 2}), "kept");
    tape = std::make_unique<GradientTape>(TapeOptions{.persistent = true});
    value = exp(*variable * 2);
    pending = value + 1;
    run({pending});
  }
};
Kept of_process;
thread_local Kept of_thread;

void keep_until_the_end() {
  compute_on_cuda();
  of_process.fill();
  of_thread.fill();
  std::thread([] { of_thread.fill(); }).join();
  // One that still sleeps on the device's values as the process ends.
  std::thread([] {
    of_thread.fill();
    pause();
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "fork") {
    compute_in_a_child();
  } else if (mode == "exit") {
    keep_until_the_end();
  } else {
    compute_on_cuda();
    compute_on_cpu();
    compute_on_cuda();
  }
  std::cout << said.str();
  int result = 0;
  for (int i = 2; i < argc; ++i) {
    if (said.str().find(argv[i]) != std::string::npos) continue;
    std::cout << "MISSING: " << argv[i] << '\n';
    result = 1;
  }
  return result;
}
