#include "tests/cuda/measured_run.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <random>

#include "host/cuda/runtime.h"

namespace tendon::cuda {
namespace {

// Of the extension of the emulated libcudart.so.13.
template <class Function>
Function extension(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}
using CountersFunction = const char* (*)();
using ResetFunction = void (*)();

Traffic traffic_of(const nlohmann::json& json) {
  return {json.at("requests"), json.at("bytes"), json.at("sectors"), json.at("excess"),
          json.at("first_touch")};
}

double element(DType dtype, const std::byte* values, std::int64_t i) {
  const auto as = [&]<class T>(T value) {
    std::memcpy(&value, values + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return value;
  };
  switch (dtype) {
    case DType::boolean: return as(std::uint8_t{});
    case DType::i32: return as(std::int32_t{});
    case DType::i64: return static_cast<double>(as(std::int64_t{}));
    case DType::f16: return static_cast<double>(static_cast<float>(as(half())));
    case DType::bf16: return static_cast<double>(static_cast<float>(as(bfloat16())));
    case DType::f32: return static_cast<double>(as(0.0F));
    case DType::f64: return as(0.0);
  }
  return 0;
}

void set(DType dtype, std::byte* values, std::int64_t i, double number) {
  const auto put = [&](auto value) {
    std::memcpy(values + static_cast<std::size_t>(i) * sizeof(value), &value, sizeof(value));
  };
  switch (dtype) {
    case DType::boolean: return put(number >= 0.5);
    case DType::i32: return put(static_cast<std::int32_t>(number));
    case DType::i64: return put(static_cast<std::int64_t>(number));
    case DType::f16: return put(half(static_cast<float>(number)));
    case DType::bf16: return put(bfloat16(static_cast<float>(number)));
    case DType::f32: return put(static_cast<float>(number));
    case DType::f64: return put(number);
  }
}

CompileOptions on_device(CompileOptions options) {
  options.device = Device::cuda();
  return options;
}

}  // namespace

bool can_count() { return extension<CountersFunction>("emulatorCounters") != nullptr; }

Counted count(const std::function<void()>& run) {
  TENDON_CUDA_CHECK(cudaDeviceSynchronize());
  extension<ResetFunction>("emulatorReset")();
  run();
  // Taken before the work is waited for, which is a synchronisation too.
  const auto calls = [] {
    return nlohmann::json::parse(extension<CountersFunction>("emulatorCounters")()).at("calls");
  };
  const nlohmann::json asked = calls();
  TENDON_CUDA_CHECK(cudaDeviceSynchronize());
  nlohmann::json all = nlohmann::json::parse(extension<CountersFunction>("emulatorCounters")());
  const nlohmann::json& done = all.at("calls");
  const nlohmann::json& total = all.at("total");
  Counted counted;
  counted.kernels = static_cast<std::int64_t>(all.at("launches").size());
  counted.graph_launches = asked.at("graph_launches");
  counted.library_calls = done.at("library_calls");
  counted.allocations = asked.at("allocations");
  counted.synchronizations = asked.at("synchronizations");
  counted.copies_on_device = done.at("copies_on_device");
  counted.bytes_on_device = done.at("bytes_on_device");
  counted.loads = traffic_of(total.at("global_load"));
  counted.stores = traffic_of(total.at("global_store"));
  counted.instructions = total.at("thread_instructions");
  counted.local_bytes = total.at("local_bytes");
  counted.launches = std::move(all.at("launches"));
  return counted;
}

std::string text(const Counted& counted) {
  std::string text =
      fmt::format("{} kernels, {} library calls, {} graph launches, {} copies of {} bytes\n",
                  counted.kernels, counted.library_calls, counted.graph_launches,
                  counted.copies_on_device, counted.bytes_on_device);
  for (const nlohmann::json& launch : counted.launches) {
    const Traffic loads = traffic_of(launch.at("counters").at("global_load")),
                  stores = traffic_of(launch.at("counters").at("global_store"));
    text += fmt::format(
        "  {} of {} x {}: loads {} bytes, {} touched, {} of sectors, {} excess sectors; stores {}, "
        "{}, {}, {}; {} instructions\n",
        launch.at("kernel").get<std::string>(), launch.at("grid").at(0).get<int>(),
        launch.at("block").at(0).get<int>(), loads.bytes, loads.first_touch, 32 * loads.sectors,
        loads.excess, stores.bytes, stores.first_touch, 32 * stores.sectors, stores.excess,
        launch.at("counters").at("thread_instructions").get<std::int64_t>());
  }
  return text;
}

void CudaGate::SetUp() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) GTEST_SKIP() << "no CUDA device";
  before_ = default_device();
  set_default_device(device());
}

void DeviceRun::Free::operator()(void* memory) const { cudaFree(memory); }

Buffer DeviceRun::allocate(std::size_t bytes, std::size_t offset_bytes) {
  void* memory = nullptr;
  TENDON_CUDA_CHECK(cudaMalloc(&memory, std::max<std::size_t>(bytes, 1) + offset_bytes));
  memory_.emplace_back(memory);
  return {.data = static_cast<std::byte*>(memory) + offset_bytes,
          .bytes = bytes,
          .device = Device::cuda()};
}

DeviceRun::DeviceRun(const Tape& tape, const CompileOptions& options, std::vector<Between> inputs,
                     std::size_t offset_bytes)
    : tape_(tape), options_(on_device(options)), executable_(compile(tape, options_)) {
  std::mt19937_64 generator(1);
  inputs.resize(executable_.inputs().size(), inputs.empty() ? Between() : inputs.back());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Executable::Value& value = executable_.inputs()[i];
    std::vector<std::byte>& bytes = values_.emplace_back(value.bytes);
    std::uniform_real_distribution<double> uniform(inputs[i].low, inputs[i].high);
    for (std::int64_t j = 0; j < value.shape.size(); ++j)
      set(value.dtype, bytes.data(), j, uniform(generator));
    inputs_.push_back(allocate(value.bytes, offset_bytes));
    TENDON_CUDA_CHECK(
        cudaMemcpy(inputs_.back().data, bytes.data(), value.bytes, cudaMemcpyHostToDevice));
  }
  for (const Executable::Value& value : executable_.outputs())
    outputs_.push_back(allocate(value.bytes, offset_bytes));
}

DeviceRun DeviceRun::with_gradients(const Tape& tape, std::vector<Between> inputs) {
  CompileOptions options{.device = Device::cuda(), .gradients = true};
  for (const Ref input : tape.inputs()) {
    if (is_floating(tape.dtype(input))) options.sources.push_back(input);
  }
  return {tape, options, std::move(inputs)};
}

void DeviceRun::run() const { executable_.run(Stream(), inputs_, outputs_); }

Counted DeviceRun::counted() const {
  run();
  return count([&] { run(); });
}

std::int64_t DeviceRun::floor_bytes() const {
  std::int64_t bytes = 0;
  for (const Executable::Value& input : executable_.inputs())
    bytes += static_cast<std::int64_t>(input.bytes);
  for (const Executable::Value& output : executable_.outputs())
    if (output.connected) bytes += static_cast<std::int64_t>(output.bytes);
  return bytes;
}

void DeviceRun::expect_as_on_cpu(double tolerance) const {
  CompileOptions options = options_;
  options.device = Device::cpu();
  const Executable on_cpu = compile(tape_, options);
  std::vector<Buffer> inputs, outputs;
  std::vector<std::vector<double>> storage;  // aligned for every dtype
  for (const auto& value : values_)
    inputs.push_back({.data = const_cast<std::byte*>(value.data()), .bytes = value.size()});
  for (const Executable::Value& value : on_cpu.outputs()) {
    storage.emplace_back(value.bytes / sizeof(double) + 1);
    outputs.push_back({.data = storage.back().data(), .bytes = value.bytes});
  }
  on_cpu.run(Stream(), inputs, outputs);
  run();
  TENDON_CUDA_CHECK(cudaDeviceSynchronize());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Executable::Value& value = on_cpu.outputs()[i];
    if (!value.connected) continue;
    std::vector<std::byte> got(value.bytes);
    TENDON_CUDA_CHECK(
        cudaMemcpy(got.data(), outputs_[i].data, value.bytes, cudaMemcpyDeviceToHost));
    const auto* const want = static_cast<const std::byte*>(outputs[i].data);
    for (std::int64_t j = 0; j < value.shape.size(); ++j) {
      const double a = element(value.dtype, got.data(), j), b = element(value.dtype, want, j);
      if (!(std::abs(a - b) <= tolerance * (1 + std::abs(b)))) {
        ADD_FAILURE() << "output " << i << ", element " << j << " is " << a << ", on the CPU " << b;
        break;
      }
    }
  }
}

}  // namespace tendon::cuda
