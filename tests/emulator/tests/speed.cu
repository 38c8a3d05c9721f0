// How many instructions of threads the emulator executes in a second of one core, with all checks
// on: a fused elementwise kernel, several times. Prints; judges nothing.
//     LD_LIBRARY_PATH=lib tests/emulator_speed [ELEMENTS [RUNS]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

#include "support/device.h"

namespace emulator_test {
namespace {

// The force of a muscle by its activation, length and velocity, and the derivative by the
// activation: what a chain of elementwise operations becomes when it is one kernel.
__global__ void muscle(const float* activation, const float* length, const float* velocity,
                       const float* strength, float* force, float* slope, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float a = fminf(fmaxf(activation[i], 0.01f), 1.0f);
  const float stretch = (length[i] - 1.0f) / 0.45f;
  const float active = expf(-stretch * stretch);
  const float v = fminf(fmaxf(velocity[i], -1.0f), 1.0f);
  const float speed = v < 0 ? (1 + v) / (1 - 4 * v) : (1 + 10 * v) / (1 + 7 * v);
  const float passive = fmaxf(expf(4 * (length[i] - 1.0f)) - 1, 0.0f) * 0.02f;
  const float scale = strength[i];
  slope[i] = scale * active * speed;
  force[i] = scale * (a * active * speed + passive + 0.1f * tanhf(v));
}

std::uint64_t executed() {
  return nlohmann::json::parse(emulator()->counters())["total"]["thread_instructions"];
}

void measure(int elements, int runs) {
  const auto count = static_cast<std::size_t>(elements);
  std::mt19937 random(1);
  const auto between = [&](float least, float most) {
    std::vector<float> values(count);
    std::uniform_real_distribution<float> value(least, most);
    for (float& one : values) one = value(random);
    return values;
  };
  const DeviceArray<float> activation(between(0, 1)), length(between(0.5f, 1.5f)),
      velocity(between(-1, 1)), strength(between(100, 1000)), force(count), slope(count);
  std::vector<double> rates;
  for (int run = 0; run < runs; ++run) {
    const std::uint64_t before = executed();
    const std::clock_t begin = std::clock();
    muscle<<<(elements + 255) / 256, 256>>>(activation.get(), length.get(), velocity.get(),
                                            strength.get(), force.get(), slope.get(), elements);
    require(cudaDeviceSynchronize());
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    const std::uint64_t instructions = executed() - before;
    rates.push_back(static_cast<double>(instructions) / seconds / 1e6);
    std::printf("%llu thread instructions, %.1f an element, in %.3f s: %.1f million a second\n",
                static_cast<unsigned long long>(instructions),
                static_cast<double>(instructions) / elements, seconds, rates.back());
  }
  std::sort(rates.begin(), rates.end());
  std::printf("median %.1f, least %.1f, most %.1f million thread instructions a second\n",
              rates[rates.size() / 2], rates.front(), rates.back());
}

}  // namespace
}  // namespace emulator_test

int main(int argument_count, char** arguments) {
  const int elements = argument_count > 1 ? std::atoi(arguments[1]) : 1 << 20;
  const int runs = argument_count > 2 ? std::atoi(arguments[2]) : 9;
  if (elements < 1 || runs < 1) return 2;
  if (emulator_test::emulator() == nullptr) {
    std::puts("not the emulated device");
    return 0;
  }
  emulator_test::measure(elements, runs);
  return emulator_test::emulator()->report_count() != 0;
}
