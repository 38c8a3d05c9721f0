#include "host/cuda/program.h"

#include <algorithm>

#include "host/cuda/instance.h"
#include "host/cuda/launches.h"
#include "host/ops/op_row.h"
#include "host/support/overloads.h"
#include "host/support/text.h"

namespace tendon::cuda {
namespace {

constexpr std::int64_t kAlignment = 256;
// Blocks that take turns are as many as are resident, so many times over: the last ones to end do
// not leave the device empty for long.
constexpr std::int64_t kWaves = 4;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

bool is_empty(const Tape& tape, Ref value) { return tape.shape(value).size() == 0; }

std::optional<IndexedOp> indexed_op(const Tape& tape, Ref value) {
  const Op op = tape.op(value);
  if (is_empty(tape, value) || !ops::row(op).takes_indices) return std::nullopt;
  const Shape& table = tape.shape(op == Op::gather ? tape.operands(value)[0] : value);
  const int axis = tape.attributes(value).axes[0];
  return IndexedOp{value, table[axis < 0 ? axis + table.rank() : axis]};
}
std::uint64_t index_of(std::span<const IndexedOp> ops, Ref value) {
  return static_cast<std::uint64_t>(std::ranges::find(ops, value, &IndexedOp::value) - ops.begin());
}

Field address_of(Ref value) { return {Field::Kind::address, value, 0}; }
Field in_arena(std::int64_t offset) {
  return {Field::Kind::arena, {}, static_cast<std::uint64_t>(offset)};
}

LibraryLaunch product_launch(const PreparedContraction& product, Ref result,
                             std::int64_t workspace) {
  const auto lies = [workspace](const PreparedContraction::Operand& operand) {
    return operand.pack ? in_arena(workspace + operand.pack_offset) : address_of(operand.value);
  };
  return {result,
          {lies(product.a()), lies(product.b()), product.bias() ? lies(*product.bias()) : Field{},
           address_of(result), in_arena(workspace)},
          [&product](std::span<void* const> at, cudaStream_t stream) {
            product.run(at[0], at[1], at[2], at[3], at[4], stream);
          }};
}

std::size_t sort_bytes(const kernels::KeySort& sort) {
  std::size_t bytes = 0;
  check(kernels::sort_workspace_bytes(sort, &bytes), "cub::DeviceRadixSort",
        "asking for its memory");
  return bytes;
}

LibraryLaunch sort_launch(const SortedScatter& scatter, Ref value) {
  return {
      value,
      {in_arena(scatter.keys()), in_arena(scatter.sorted()), in_arena(scatter.sort_workspace())},
      [sort = scatter.sort(), bytes = sort_bytes(scatter.sort())](std::span<void* const> at,
                                                                  cudaStream_t stream) {
        check(kernels::sort_keys(sort, static_cast<const std::uint64_t*>(at[0]),
                                 static_cast<std::uint64_t*>(at[1]), at[2], bytes, stream),
              "cub::DeviceRadixSort", "sorting indices");
      }};
}

constexpr std::size_t kMostTexts = 6;

std::string text_of(const std::vector<Launch>& launches, const Tape& tape) {
  std::string all;
  for (std::size_t i = 0; i < launches.size(); ++i) {
    if (i == kMostTexts) return fmt::format("{}; and {} more", all, launches.size() - i);
    all += (i == 0 ? "" : "; ") + text(launches[i], tape);
  }
  return all;
}

}  // namespace

std::string text(const Launch& launch, const Tape& tape) {
  const auto op = [&](Ref value) {
    return fmt::format("{}{}", name(tape.op(value)), support::at(tape.place(value)));
  };
  if (const auto* kernel = std::get_if<KernelLaunch>(&launch))
    return fmt::format("{}, in the kernel {}", op(kernel->value), kernel->kernel->name());
  if (const auto* library = std::get_if<LibraryLaunch>(&launch)) return op(library->value);
  return "a copy of " + op(std::get<CopyLaunch>(launch).value);
}

CudaProgram::CudaProgram(plan::Plan plan, int device, KernelCache& kernels, Memory& memory)
    : plan::Program(std::move(plan)),
      device_(device),
      kernels_(kernels),
      memory_(memory),
      instances_(std::make_unique<Instances>()) {
  const DeviceScope scope(device_);
  memory_.with_retry([this] { make_ready(); });
  memory_.add(*this);
}

CudaProgram::~CudaProgram() { memory_.remove(*this); }

void CudaProgram::make_ready() {
  const Tape& tape = plan().tape;
  std::int64_t workspace = 0;
  products_.clear();
  indexed_ops_.clear();
  const auto note_needs = support::Overloads{
      [](const plan::Pointwise&) {},
      [](const plan::Reduce&) {},
      [](const plan::Multi&) {},
      [&](const plan::Contraction& contraction) {
        products_.emplace_back(tape, contraction, device_);
        workspace = std::max(workspace, products_.back().workspace_bytes());
      },
      [&](const plan::Irregular& irregular) {
        if (const std::optional<IndexedOp> indexed = indexed_op(tape, irregular.op))
          indexed_ops_.push_back(*indexed);
        if (!SortedScatter::is(plan(), irregular)) return;
        const SortedScatter scatter(plan(), irregular, 0);
        workspace = std::max(
            workspace, scatter.own_bytes() + static_cast<std::int64_t>(sort_bytes(scatter.sort())));
      },
  };
  for (const plan::Stage& stage : plan().stages) std::visit(note_needs, stage);
  arena_bytes_ = aligned(plan().arena_bytes) + workspace;
  literals_.resize(tape.size());
  for (std::uint32_t id = 0; id < tape.size(); ++id) {
    if (tape.op(Ref{id}) != Op::literal || plan().locations[id].space != plan::Space::literal)
      continue;
    const auto bytes = tape.literal(Ref{id});
    literals_[id] = Block(memory_, bytes.size(), "literal", tape.place(Ref{id}));
    TENDON_CUDA_CHECK_FOR(cudaMemcpyAsync(literals_[id].data(), bytes.data(), bytes.size(),
                                          cudaMemcpyHostToDevice, memory_.stream()),
                          "literal" + support::at(tape.place(Ref{id})));
  }
  for (const PreparedContraction& product : products_) product.warm_up(memory_);
  // Compiled now, so that the first run compiles nothing.
  text_ = std::make_shared<const std::string>(text_of(launches(true).launches, tape));
}

void CudaProgram::give_back() noexcept {
  const std::scoped_lock lock(instances_->mutex);
  std::erase_if(instances_->all, [](const std::unique_ptr<Lane>& lane) { return !lane->is_taken; });
}

const Launches& CudaProgram::launches(bool is_aligned) const {
  const std::scoped_lock lock(mutex_);
  std::optional<Launches>& launches = launches_[is_aligned ? 1 : 0];
  if (!launches) launches = prepare(is_aligned);
  return *launches;
}

std::int64_t CudaProgram::launch_count() const {
  return std::ranges::count_if(launches(true).launches, [](const Launch& launch) {
    return !std::holds_alternative<CopyLaunch>(launch);
  });
}

Launches CudaProgram::prepare(bool is_aligned) const {
  const plan::Plan& plan = this->plan();
  std::vector<GeneratedKernel> generated;
  std::vector<Launch> launches;
  std::vector<std::size_t> launch_of;  // of each generated kernel
  const std::int64_t workspace = aligned(plan.arena_bytes);
  const auto add = support::Overloads{
      [&](KernelOfStage& kernel) {
        launch_of.push_back(launches.size());
        launches.emplace_back(KernelLaunch{.kernel = nullptr, .value = kernel.value});
        generated.push_back(std::move(kernel.kernel));
      },
      [&](const ProductOfStage& product) {
        launches.emplace_back(
            product_launch(products_[product.contraction], product.result, workspace));
      },
      [&](const SortOfStage& sort) {
        launches.emplace_back(sort_launch(sort.scatter, sort.value));
      },
  };
  const auto has_epilogue = [this](std::size_t contraction) {
    return products_[contraction].epilogue().has_value();
  };
  for (StageLaunch& launch : stage_launches(plan, is_aligned, workspace, has_epilogue))
    std::visit(add, launch);
  for (const plan::Copy& copy : plan.copies) {
    if (plan.tape.bytes(copy.value) > 0) launches.emplace_back(CopyLaunch{copy.value, copy.output});
  }
  std::vector<KernelText> texts;
  for (const GeneratedKernel& kernel : generated) texts.push_back(kernel.text);
  const auto compiled = kernels_.get(texts);
  int multiprocessors = 0;
  TENDON_CUDA_CHECK(
      cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device_));
  for (std::size_t i = 0; i < generated.size(); ++i) {
    auto& launch = std::get<KernelLaunch>(launches[launch_of[i]]);
    launch.kernel = compiled[i];
    launch.fields = std::move(generated[i].fields);
    for (Field& field : launch.fields) {
      if (field.kind == Field::Kind::fault) field.word = index_of(indexed_ops_, field.value);
    }
    launch.threads = generated[i].geometry.threads;
    std::int64_t blocks = generated[i].geometry.blocks;
    if (generated[i].geometry.takes_turns) {
      const std::int64_t resident =
          std::int64_t{multiprocessors} *
          compiled[i]->blocks_per_multiprocessor(static_cast<int>(launch.threads), 0);
      blocks = std::min(blocks, std::max<std::int64_t>(resident * kWaves, 1));
    }
    launch.blocks = static_cast<std::uint32_t>(std::max<std::int64_t>(blocks, 1));
  }
  return {std::move(launches)};
}

}  // namespace tendon::cuda
