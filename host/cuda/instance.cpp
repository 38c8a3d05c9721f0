#include "host/cuda/instance.h"

#include <algorithm>
#include <bit>

#include "host/cuda/capture.h"
#include "host/cuda/named_range.h"
#include "host/cuda/uniform.h"
#include "host/support/text.h"

namespace tendon::cuda {
namespace {

// Lanes beyond these go, oldest use first, unless they run.
constexpr std::size_t kMostLanes = 8;
// Of a lane, likewise.
constexpr std::size_t kMostInstances = 8;

bool is_multiple_of_16(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address) % 16 == 0;
}

}  // namespace

Instance::Instance(const CudaProgram& program, bool is_aligned, const Boundary& boundary,
                   void* arena)
    : program_(program),
      is_aligned_(is_aligned),
      launches_(program.launches(is_aligned)),
      arena_(arena) {
  with_captures_again([&] { build(boundary); });
  TENDON_CUDA_CHECK_FOR(cudaGraphInstantiate(exec_.put(), graph_.get(), 0), *program_.text());
}

void Instance::build(const Boundary& boundary) {
  graph_ = GraphHandle();
  nodes_.clear();
  last_.clear();
  TENDON_CUDA_CHECK(cudaGraphCreate(graph_.put(), 0));
  for (const Launch& launch : launches_.launches) {
    const NamedRange range(text(launch, program_.plan().tape).c_str());
    nodes_.push_back({&launch, nullptr, {}, nullptr, nullptr});
    if (const auto* kernel = std::get_if<KernelLaunch>(&launch)) {
      add_kernel(*kernel, boundary);
    } else if (const auto* library = std::get_if<LibraryLaunch>(&launch)) {
      add_library(*library, boundary);
    } else {
      add_copy(std::get<CopyLaunch>(launch), boundary);
    }
  }
}

void* Instance::address(Ref value, const Boundary& boundary) const {
  const plan::Location& at = program_.plan().locations[value.id];
  switch (at.space) {
    case plan::Space::none: return nullptr;
    // An input is only read; a kernel's argument has one type for both uses.
    case plan::Space::input: return const_cast<void*>(boundary.inputs[at.index]);
    case plan::Space::output: return boundary.outputs[at.index];
    case plan::Space::literal: return program_.literal(value);
    case plan::Space::arena: return static_cast<char*>(arena_) + at.offset;
  }
  return nullptr;
}

std::uint64_t Instance::word(const Field& field, const Boundary& boundary) const {
  switch (field.kind) {
    case Field::Kind::word: return field.word;
    case Field::Kind::address:
      return reinterpret_cast<std::uintptr_t>(address(field.value, boundary));
    case Field::Kind::arena: return reinterpret_cast<std::uintptr_t>(arena_) + field.word;
    case Field::Kind::number:
      return number_word(boundary.numbers.attributes(field.value).number, field.dtype);
    case Field::Kind::uniform:
      return number_word(value_of_numbers(boundary.numbers, field.value), field.dtype);
    case Field::Kind::key: return boundary.numbers.attributes(field.value).key[field.word];
    case Field::Kind::fault: return reinterpret_cast<std::uintptr_t>(boundary.faults + field.word);
  }
  return 0;
}

void Instance::fill(std::span<const Field> fields, const Boundary& boundary,
                    std::vector<std::uint64_t>& words) const {
  words.resize(std::max<std::size_t>(fields.size(), 1));
  for (std::size_t i = 0; i < fields.size(); ++i) words[i] = word(fields[i], boundary);
}

cudaKernelNodeParams Instance::parameters(const KernelLaunch& launch, void** arguments) {
  cudaKernelNodeParams parameters{};
  parameters.func = const_cast<void*>(reinterpret_cast<const void*>(launch.kernel->kernel()));
  parameters.gridDim = {launch.blocks, 1, 1};
  parameters.blockDim = {launch.threads, 1, 1};
  parameters.kernelParams = arguments;
  return parameters;
}

void Instance::add_kernel(const KernelLaunch& launch, const Boundary& boundary) {
  Node& node = nodes_.back();
  fill(launch.fields, boundary, node.words);
  void* arguments[] = {node.words.data()};
  const cudaKernelNodeParams given = parameters(launch, arguments);
  TENDON_CUDA_CHECK_FOR(
      cudaGraphAddKernelNode(&node.node, graph_.get(), last_.data(), last_.size(), &given),
      text(*node.launch, boundary.numbers));
  last_ = {node.node};
}

void Instance::add_library(const LibraryLaunch& launch, const Boundary& boundary) {
  Node& node = nodes_.back();
  fill(launch.fields, boundary, node.words);
  std::vector<void*> addresses;
  for (const std::uint64_t word : node.words) addresses.push_back(std::bit_cast<void*>(word));
  last_ = capture(graph_.get(), last_, text(*node.launch, boundary.numbers),
                  [&](cudaStream_t stream) { launch.enqueue(addresses, stream); });
}

void Instance::add_copy(const CopyLaunch& launch, const Boundary& boundary) {
  Node& node = nodes_.back();
  node.from = address(launch.value, boundary);
  node.into = boundary.outputs[launch.output];
  const auto bytes = static_cast<std::size_t>(program_.plan().tape.bytes(launch.value));
  TENDON_CUDA_CHECK_FOR(
      cudaGraphAddMemcpyNode1D(&node.node, graph_.get(), last_.data(), last_.size(), node.into,
                               node.from, bytes, cudaMemcpyDeviceToDevice),
      text(*node.launch, boundary.numbers));
  last_ = {node.node};
}

bool Instance::fits(bool is_aligned, const Boundary& boundary) const {
  if (is_aligned != is_aligned_) return false;
  for (const Node& node : nodes_) {
    const auto* library = std::get_if<LibraryLaunch>(node.launch);
    for (std::size_t i = 0; library != nullptr && i < library->fields.size(); ++i) {
      if (word(library->fields[i], boundary) != node.words[i]) return false;
    }
  }
  return true;
}

void Instance::run(const Boundary& boundary, cudaStream_t stream) {
  const NamedRange range(program_.text()->c_str());
  for (Node& node : nodes_) {
    if (const auto* kernel = std::get_if<KernelLaunch>(node.launch)) {
      fill(kernel->fields, boundary, next_words_);
      if (next_words_ == node.words) continue;
      void* arguments[] = {next_words_.data()};
      const cudaKernelNodeParams given = parameters(*kernel, arguments);
      TENDON_CUDA_CHECK_FOR(cudaGraphExecKernelNodeSetParams(exec_.get(), node.node, &given),
                            text(*node.launch, boundary.numbers));
      node.words.swap(next_words_);
    } else if (const auto* copy = std::get_if<CopyLaunch>(node.launch)) {
      const void* const from = address(copy->value, boundary);
      void* const into = boundary.outputs[copy->output];
      if (from == node.from && into == node.into) continue;
      const auto bytes = static_cast<std::size_t>(program_.plan().tape.bytes(copy->value));
      TENDON_CUDA_CHECK_FOR(cudaGraphExecMemcpyNodeSetParams1D(exec_.get(), node.node, into, from,
                                                               bytes, cudaMemcpyDeviceToDevice),
                            text(*node.launch, boundary.numbers));
      node.from = from;
      node.into = into;
    }
  }
  TENDON_CUDA_CHECK_FOR(cudaGraphLaunch(exec_.get(), stream), *program_.text());
  note_launch(program_.memory().device(), program_.text());
}

Lane::Lane(const CudaProgram& program) : program_(program) {
  TENDON_CUDA_CHECK(cudaEventCreateWithFlags(done_.put(), cudaEventDisableTiming));
  if (program_.arena_bytes() > 0)
    arena_ = Block(program_.memory(), static_cast<std::size_t>(program_.arena_bytes()),
                   "a plan's arena", Place());
}

Lane::~Lane() {
  if (!stream_ || stream_->stream == program_.memory().stream()) return;
  // The arena serves again on the memory's stream.
  const cudaError_t status = cudaStreamWaitEvent(program_.memory().stream(), done_.get(), 0);
  forget(status);
  if (status != cudaSuccess) forget(cudaEventSynchronize(done_.get()));
}

Instance& Lane::instance(bool is_aligned, const Boundary& boundary) {
  const auto found = std::ranges::find_if(
      instances_, [&](const Instance& instance) { return instance.fits(is_aligned, boundary); });
  if (found != instances_.end()) {
    instances_.splice(instances_.begin(), instances_, found);
  } else {
    instances_.emplace_front(program_, is_aligned, boundary, arena_.data());
    // One that still runs is freed when it has ended.
    if (instances_.size() > kMostInstances) instances_.pop_back();
  }
  return instances_.front();
}

bool Lane::is_idle() const {
  if (!stream_) return true;
  const cudaError_t status = cudaEventQuery(done_.get());
  forget(status);
  return status == cudaSuccess;
}

std::int64_t Lane::run(bool is_aligned, const Boundary& boundary, const StreamName& stream) {
  Instance& instance = this->instance(is_aligned, boundary);
  if (stream_ != stream) order(stream);
  instance.run(boundary, stream.stream);
  const cudaError_t status = cudaEventRecord(done_.get(), stream.stream);
  if (status != cudaSuccess) {
    // Nothing else tells when it is done.
    forget(cudaStreamSynchronize(stream.stream));
    fail(status, "cudaEventRecord", *program_.text());
  }
  stream_ = stream;
  return instance.launch_count();
}

// What runs on the stream from here on comes after whatever used the arena and the literals before:
// the last run has ended, if it was on another stream, and before the first one there were others'
// uses on the memory's stream.
void Lane::order(const StreamName& stream) {
  Memory& memory = program_.memory();
  if (stream.stream == memory.stream()) return;
  int device = 0;
  TENDON_CUDA_CHECK(cudaStreamGetDevice(stream.stream, &device));
  if (device != memory.device()) {
    throw DeviceError(fmt::format("the stream is of cuda:{}, what runs on it of cuda:{}", device,
                                  memory.device()));
  }
  if (!stream_) memory.order_before(stream.stream);
}

std::int64_t run(const CudaProgram& program, const Boundary& boundary, cudaStream_t stream) {
  const bool is_aligned = std::ranges::all_of(boundary.inputs, is_multiple_of_16) &&
                          std::ranges::all_of(boundary.outputs, is_multiple_of_16);
  if (program.launches(is_aligned).launches.empty()) return 0;
  StreamName name{stream, 0};
  // The memory's own stream is there all the time, and its handle nobody else's.
  if (stream != program.memory().stream()) TENDON_CUDA_CHECK(cudaStreamGetId(stream, &name.id));
  CudaProgram::Instances& instances = program.instances();
  Lane* chosen = nullptr;
  {
    const std::scoped_lock lock(instances.mutex);
    for (auto at = instances.all.begin(); at != instances.all.end(); ++at) {
      Lane& lane = **at;
      // On its own stream the next run comes after the last; on another it must have ended.
      if (lane.is_taken || (!lane.ran_on(name) && !lane.is_idle())) continue;
      chosen = &lane;
      instances.all.splice(instances.all.begin(), instances.all, at);
      break;
    }
    for (auto at = instances.all.end();
         chosen == nullptr && instances.all.size() >= kMostLanes && at != instances.all.begin();) {
      --at;
      if (!(*at)->is_taken && (*at)->is_idle()) at = instances.all.erase(at);
    }
    if (chosen != nullptr) chosen->is_taken = true;
  }
  if (chosen == nullptr) {
    auto made = std::make_unique<Lane>(program);
    made->is_taken = true;
    const std::scoped_lock lock(instances.mutex);
    chosen = instances.all.emplace_front(std::move(made)).get();
  }
  struct Release {
    std::mutex& mutex;
    Lane& lane;
    ~Release() {
      const std::scoped_lock lock(mutex);
      lane.is_taken = false;
    }
  } release{instances.mutex, *chosen};
  return chosen->run(is_aligned, boundary, name);
}

}  // namespace tendon::cuda
