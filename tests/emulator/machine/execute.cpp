// Modules, and launches from their first block to their last.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <deque>
#include <iterator>
#include <numeric>

#include "machine/block.h"
#include "machine/decode.h"

namespace emulator {
namespace {

constexpr std::size_t kMostResident =
    256;  // blocks begun and not ended, as long as they make progress

constexpr ptx::Version kLanguage{9, 0};  // of PTX, that CUDA 13.0 has

// A .target such as sm_80, compute_90 or sm_90a. A letter after the number (the tie) means that the
// code runs on that architecture alone.
struct Target {
  int architecture = 0;  // 0: it cannot be read
  std::string_view tie;
};

Target target_of(std::string_view text) {
  Target target;
  for (const std::string_view prefix : {"sm_", "compute_"}) {
    if (!text.starts_with(prefix)) continue;
    const char* const end = text.data() + text.size();
    const auto [rest, error] =
        std::from_chars(text.data() + prefix.size(), end, target.architecture);
    if (error != std::errc{}) return {};
    target.tie = {rest, end};
  }
  return target;
}

// Whether a device of compute capability 9.0 compiles it.
bool runs_here(std::string_view text) {
  constexpr int kArchitecture = DeviceProperties::kMajor * 10 + DeviceProperties::kMinor;
  const Target target = target_of(text);
  if (target.tie.empty()) return target.architecture > 0 && target.architecture <= kArchitecture;
  return target.tie == "a" && target.architecture == kArchitecture;
}

class LoadedModule : public Module {
 public:
  explicit LoadedModule(Memory& memory) : memory_(memory) {}
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;
  ~LoadedModule() override {
    for (const Variable& variable : variables_) memory_.free(variable.address, kHost);
  }

  void read(std::string_view text, int device) {
    try {
      ptx_ = ptx::parse(std::string(text));
    } catch (const ptx::ParseError& error) {
      throw ModuleError{"line " + std::to_string(error.line) + ": " + error.what};
    }
    if (ptx_.version > kLanguage) {
      throw ModuleError{"PTX of version " + std::to_string(ptx_.version.major) + "." +
                            std::to_string(ptx_.version.minor) + " is newer than 9.0",
                        ModuleError::Kind::newer_language};
    }
    if (!runs_here(ptx_.target)) {
      throw ModuleError{"PTX for " + std::string(ptx_.target) + " does not run on sm_90",
                        ModuleError::Kind::other_device};
    }
    for (const ptx::Variable& variable : ptx_.variables) {
      if (variable.space == Space::shared || variable.is_extern) continue;
      place(variable, device);
    }
    for (const ptx::Variable& variable : ptx_.variables) refer(variable);
  }

  const Kernel* find_kernel(std::string_view mangled) const override {
    const auto known = kernels_.find(mangled);
    if (known != kernels_.end()) return known->second.get();
    const auto found = ptx_.functions.find(mangled);
    if (found == ptx_.functions.end() || !found->second.is_entry) return nullptr;
    const AddressOf address_of = [this](std::string_view name) { return find_variable(name); };
    auto kernel = decode(ptx_, found->second, address_of);
    kernel->attributes.ptx_architecture = target_of(ptx_.target).architecture;
    for (const Variable& variable : variables_) {
      if (variable.is_constant)
        kernel->attributes.constant_bytes += static_cast<std::uint32_t>(variable.bytes);
    }
    return (kernels_[found->first] = std::move(kernel)).get();
  }

  std::vector<std::string> kernel_names() const override {
    std::vector<std::string> names;
    for (const auto& [name, function] : ptx_.functions) {
      if (function.is_entry && function.has_body) names.emplace_back(name);
    }
    return names;
  }

  const Variable* find_variable(std::string_view mangled) const override {
    const auto found = std::find_if(variables_.begin(), variables_.end(),
                                    [&](const Variable& v) { return v.name == mangled; });
    return found == variables_.end() ? nullptr : &*found;
  }

  std::span<const Variable> variables() const override { return variables_; }

 private:
  void place(const ptx::Variable& variable, int device) {
    Variable placed;
    placed.name = std::string(variable.name);
    placed.bytes = std::max<std::uint64_t>(variable.bytes, 1);
    placed.is_constant = variable.space == Space::constant;
    const MemoryKind kind = placed.is_constant    ? MemoryKind::constant
                            : variable.is_managed ? MemoryKind::managed
                                                  : MemoryKind::device;
    placed.address = memory_.allocate(device, placed.bytes, kind, "the variable " + placed.name);
    if (placed.address == 0) {
      throw ModuleError{"no memory for the variable " + placed.name, ModuleError::Kind::no_memory};
    }
    AccessFault fault{};
    std::byte* view = memory_.write(placed.address, placed.bytes, kHost, &fault);
    std::fill_n(view, placed.bytes, std::byte{0});
    std::copy_n(reinterpret_cast<const std::byte*>(variable.initial.data()),
                variable.initial.size(), view);
    variables_.push_back(std::move(placed));
  }

  // Initial values that are addresses of other variables. Functions have none (a virtual table
  // stays null), and a call through one is reported where it is executed: other kernels do not
  // care.
  void refer(const ptx::Variable& variable) {
    for (const ptx::Variable::Reference& reference : variable.references) {
      if (ptx_.functions.contains(reference.symbol)) continue;
      const Variable* from = find_variable(variable.name);
      const Variable* to = find_variable(reference.symbol);
      if (from == nullptr || to == nullptr)
        throw ModuleError{"the symbol " + std::string(reference.symbol) + " is not known"};
      AccessFault fault{};
      std::byte* view = memory_.write(from->address + reference.offset, 8, kHost, &fault);
      const Address address = to->address + static_cast<std::uint64_t>(reference.addend);
      std::copy_n(reinterpret_cast<const std::byte*>(&address), sizeof address, view);
    }
  }

  Memory& memory_;
  mutable ptx::Module ptx_;
  mutable std::map<std::string_view, std::unique_ptr<Kernel>> kernels_;
  std::vector<Variable> variables_;
};

std::uint64_t scrambled(std::uint64_t& state) {  // splitmix64
  std::uint64_t z = state += 0x9e37'79b9'7f4a'7c15u;
  z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9u;
  z = (z ^ z >> 27) * 0x94d0'49bb'1331'11ebu;
  return z ^ z >> 31;
}

// The blocks in the order in which they begin.
class BlockOrder {
 public:
  BlockOrder(std::uint64_t count, const Options& options, WorkId work) : count_(count) {
    if (!options.random_blocks || count > (std::uint64_t{1} << 28)) return;
    order_.resize(count);
    std::iota(order_.begin(), order_.end(), 0u);
    std::uint64_t state = options.seed ^ (std::uint64_t{work} << 32);
    for (std::size_t i = order_.size(); i > 1; --i)
      std::swap(order_[i - 1], order_[scrambled(state) % i]);
  }
  bool is_over() const { return next_ == count_; }
  std::uint64_t take() {
    const std::uint64_t i = next_++;
    return order_.empty() ? i : order_[i];
  }

 private:
  std::uint64_t count_, next_ = 0;
  std::vector<std::uint32_t> order_;
};

// What the driver gives the blocks of a cooperative launch to wait for each other on: a size and a
// count of arrivals (grid_workspace in cooperative_groups/details/driver_abi.h).
class GridWorkspace {
 public:
  GridWorkspace(const Launch& launch, Memory& memory) : launch_(launch), memory_(memory) {
    if (!launch.is_cooperative) return;
    constexpr std::array<std::uint32_t, 2> kContent{sizeof kContent, 0};
    address_ =
        memory.allocate(launch.device, sizeof kContent, MemoryKind::device, "the grid's barrier");
    if (address_ == 0) return;
    AccessFault fault{};
    std::memcpy(memory.write(address_, sizeof kContent, launch.work, &fault), kContent.data(),
                sizeof kContent);
  }
  ~GridWorkspace() {
    if (address_ != 0) memory_.free(address_, launch_.work);
  }
  GridWorkspace(const GridWorkspace&) = delete;
  GridWorkspace& operator=(const GridWorkspace&) = delete;
  Address address() const { return address_; }  // 0 where the launch is not cooperative

 private:
  const Launch& launch_;
  Memory& memory_;
  Address address_ = 0;
};

// Holds the printing of reports back while a launch runs.
class ReportsOfLaunch {
 public:
  ReportsOfLaunch() { reports().begin_launch(); }
  ~ReportsOfLaunch() { reports().end_launch(); }
  ReportsOfLaunch(const ReportsOfLaunch&) = delete;
  ReportsOfLaunch& operator=(const ReportsOfLaunch&) = delete;
};

}  // namespace

std::shared_ptr<Module> Module::load(std::string_view ptx, int device, Memory& memory) {
  const auto module = std::make_shared<LoadedModule>(memory);
  module->read(ptx, device);
  return module;
}

KernelAttributes attributes(const Kernel& kernel) { return kernel.attributes; }
const std::string& name(const Kernel& kernel) { return kernel.name; }

LaunchStatus execute(const Launch& launch, Memory& memory, const Options& options,
                     const DeviceCalls& calls, Counters& counters) {
  memory.checks_writes = options.check_unwritten;
  memory.checks_order = options.check_order;
  const GridWorkspace workspace(launch, memory);
  Running running{launch, *launch.kernel, memory, options, calls, counters, workspace.address()};
  BlockOrder order(launch.grid.count(), options, launch.work);
  std::deque<std::unique_ptr<Block>> waiting;  // for what another block does
  std::vector<std::unique_ptr<Block>> idle;    // ended; their memory serves the next
  std::size_t turns_without_progress = 0;
  const ReportsOfLaunch held;
  try {
    while (!order.is_over() || !waiting.empty()) {
      std::unique_ptr<Block> block;
      const bool all_wait = turns_without_progress >= waiting.size();
      if (!order.is_over() && (waiting.size() < kMostResident || all_wait)) {
        if (idle.empty()) {
          block = std::make_unique<Block>(running);
        } else {
          block = std::move(idle.back());
          idle.pop_back();
        }
        block->begin(order.take());
      } else {
        block = std::move(waiting.front());
        waiting.pop_front();
      }
      const std::uint64_t before = running.progress;
      const bool is_over = block->run();
      turns_without_progress = running.progress == before ? turns_without_progress + 1 : 0;
      if (is_over) {
        idle.push_back(std::move(block));
      } else {
        waiting.push_back(std::move(block));
      }
    }
  } catch (const Stop& stop) {
    return stop.status;
  }
  return LaunchStatus::done;
}

}  // namespace emulator
