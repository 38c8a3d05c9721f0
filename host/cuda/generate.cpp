#include "host/cuda/generate.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include "host/cuda/body.h"
#include "host/cuda/generate_rows.h"
#include "host/cuda/order.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Part;
using plan::Stage;
using plan::View;

constexpr std::uint32_t kThreads = 256;
constexpr std::string_view kIncludes =
    "#include \"tendon/memory.cuh\"\n#include \"tendon/ops.cuh\"\n";

// How a thread takes the elements of a part: `width` neighbours as one vector, so many that the
// widest of the values that lie row-major is 16 bytes of it; and `ahead` vectors of each such value
// under way at once, at least 64 bytes together. What is in flight hides memory's latency.
struct Walk {
  int width = 1;
  int ahead = 1;
};

bool is_vector_load(const Instruction& step) {
  return step.kind == Instruction::Kind::load && step.level == Level::element &&
         is_contiguous(step.view);
}

Walk walk_of(const plan::Plan& plan, const Part& part, bool is_aligned) {
  std::size_t widest = 0;
  bool all_aligned = true;
  const auto touch = [&](Ref value, DType dtype) {
    widest = std::max(widest, size_bytes(dtype));
    const plan::Space space = plan.locations[value.id].space;
    all_aligned &= is_aligned || space == plan::Space::arena;
  };
  std::size_t in_flight = 0;  // bytes of an element
  for (const Instruction& step : part.body) {
    if (!is_vector_load(step)) continue;
    touch(step.view.pieces[0].base, step.dtype);
    in_flight += size_bytes(step.dtype);
  }
  for (const plan::Store& store : part.stores) {
    if (part.body[store.local].level == Level::element)
      touch(store.value, part.body[store.local].dtype);
  }
  Walk walk;
  if (!all_aligned || widest == 0) return walk;
  walk.width = static_cast<int>(16 / widest);
  in_flight *= static_cast<std::size_t>(walk.width);
  if (in_flight > 0 && in_flight < 64) walk.ahead = in_flight < 32 ? 4 : 2;
  return walk;
}

// Blocks to be resident on a multiprocessor, whose 65536 registers are so many for a thread.
constexpr int kResident = 5, kResidentOfF64 = 4;
constexpr int kMostRegisters = 48, kMostRegistersOfF64 = 64;
// What a thread needs beside its values.
constexpr int kOtherRegisters = 12;
constexpr std::size_t kMostParked = 8;  // values, 4 KiB of shared memory each
// CUDA passes a kernel 32764 bytes of arguments at most.
constexpr std::size_t kMostFields = 32764 / sizeof(std::uint64_t);
// The compiler takes time by the square of a kernel's parts: a second for twenty, ten for eighty.
constexpr std::size_t kMostParts = 32;

// Writes a function of one element, and what calls it: for vectors of elements, then for the rest.
// Where the indices begin and go on is in `first` and `step`.
class Elements {
 public:
  Elements(const plan::Plan& plan, const Part& part, Emitter& out, bool is_aligned)
      : plan_(plan),
        part_(part),
        out_(out),
        walk_(walk_of(plan, part, is_aligned)),
        body_(plan, part, out) {}

  // `can_park`: there is shared memory to be had. Gives how many blocks are to be resident; 0: any.
  int write(bool can_park) {
    body_.write_uniforms();
    take_accesses();
    if (walk_.width == 1) {
      out_.line("const index count = {};", out_.word("count", part_.space.size()));
      write_element();
      out_.line("for (index i = first; i < count; i += step) {}", of_one("i"));
      return 0;
    }
    const std::string count = out_.word("count", part_.space.size()),
                      vectors = out_.word("vectors", part_.space.size() / walk_.width);
    out_.line("const index count = {}, vectors = {};", count, vectors);
    write_element();
    if (can_park && needs_parking()) {
      write_parked();
      return has_f64() ? kResidentOfF64 : kResident;
    }
    if (walk_.ahead == 1) {
      write_vectors();
    } else {
      write_vectors_ahead();
    }
    out_.line("const index rest = vectors * {} + first;", walk_.width);
    out_.line("if (rest < count) {}", of_one("rest"));
    return 0;
  }

 private:
  struct Access {
    std::string name, field;
    DType dtype;
  };

  Access access(Ref value, DType dtype, bool is_written) {
    const std::string field = out_.address(value, dtype, is_written);
    return {field.substr(2), field, dtype};
  }

  void take_accesses() {
    std::vector<bool> is_at_hand(part_.body.size());
    for (plan::Local local = 0; local < part_.body.size(); ++local) {
      const Instruction& step = part_.body[local];
      if (step.level != Level::element) continue;
      if (walk_.width > 1 && is_vector_load(step)) {
        const Access load = access(step.view.pieces[0].base, step.dtype, false);
        is_at_hand[local] = true;
        body_.set(local, load.name);
        if (std::ranges::find(loads_, load.name, &Access::name) == loads_.end())
          loads_.push_back(load);
      } else if (step.kind == Instruction::Kind::load || step.kind == Instruction::Kind::generate) {
        needs_index_ = true;
      }
    }
    for (const plan::Store& store : part_.stores)
      stores_.push_back(access(store.value, part_.body[store.local].dtype, true));
    order_ = order_of(part_, is_at_hand);
  }

  bool has_f64() const {
    return std::ranges::any_of(part_.body,
                               [](const Instruction& step) { return step.dtype == DType::f64; });
  }
  // Whether a thread's vectors and the values of an element are more than its registers.
  bool needs_parking() const {
    const auto is_of_one_type = [&](const Access& access) {
      return access.dtype == stores_[0].dtype;
    };
    if (loads_.empty() || std::max(loads_.size(), stores_.size()) > kMostParked ||
        !std::ranges::all_of(loads_, is_of_one_type) ||
        !std::ranges::all_of(stores_, is_of_one_type))
      return false;
    const auto ahead = static_cast<std::size_t>(walk_.ahead);
    const int of_vectors = 4 * static_cast<int>(std::max(loads_.size() * ahead, stores_.size()));
    const int of_values = order_.most_alive * (has_f64() ? 2 : 1);
    return of_vectors + of_values + kOtherRegisters >
           (has_f64() ? kMostRegistersOfF64 : kMostRegisters);
  }

  // Whether a result takes the memory of what the step loads: it is loaded before any is stored.
  bool is_overwritten(const Instruction& step) const {
    if (step.kind != Instruction::Kind::load || step.level != Level::element) return false;
    return std::ranges::any_of(step.view.pieces, [&](const plan::Piece& piece) {
      const plan::Location& from = plan_.locations[piece.base.id];
      return std::ranges::any_of(part_.stores, [&](const plan::Store& store) {
        const plan::Location& into = plan_.locations[store.value.id];
        return from.space == plan::Space::arena && into.space == from.space &&
               into.offset == from.offset;
      });
    });
  }

  void write_element() {
    std::string parameters = needs_index_ ? ", index i" : "";
    for (const Access& load : loads_)
      parameters += fmt::format(", {} {}", value_type(load.dtype), load.name);
    for (const Access& store : stores_)
      parameters += fmt::format(", {}& {}", stored_type(store.dtype), store.name);
    out_.open(fmt::format("const auto element = [&]({}) {{", parameters.substr(2)));
    Body::Position position{Level::element, "i", "", {}};
    for (plan::Local local = 0; local < part_.body.size(); ++local) {
      if (is_overwritten(part_.body[local])) body_.value(local, position);
    }
    std::vector<bool> is_written(stores_.size());
    const auto write_stores = [&](std::optional<plan::Local> of) {
      for (std::size_t i = 0; i < stores_.size(); ++i) {
        const plan::Local local = part_.stores[i].local;
        if (is_written[i] || (of && local != *of)) continue;
        const std::string value = body_.value(local, position);
        out_.line("{} = {};", stores_[i].name, stored_as(stores_[i].dtype, value));
        is_written[i] = true;
      }
    };
    for (const plan::Local local : order_.locals) {
      body_.value(local, position);
      write_stores(local);
    }
    write_stores(std::nullopt);
    out_.close("};");
  }

  // A call with the element at an index, and what is loaded and stored of it.
  template <class Loaded, class Stored>
  std::string call(std::string_view at, const Loaded& loaded, const Stored& stored) const {
    std::string arguments = needs_index_ ? fmt::format(", {}", at) : "";
    for (const Access& load : loads_) arguments += ", " + value_of(load.dtype, loaded(load));
    for (const Access& store : stores_) arguments += ", " + stored(store);
    return fmt::format("element({});", arguments.substr(2));
  }
  std::string of_one(std::string_view at) const {
    const auto place = [&](const Access& of) { return fmt::format("{}[{}]", of.field, at); };
    return call(at, place, place);
  }

  void write_vectors() {
    out_.open("for (index k = first; k < vectors; k += step) {");
    for (const Access& load : loads_)
      out_.line("const auto {} = load<{}>({}, k);", load.name, walk_.width, load.field);
    write_vector("k", "");
    out_.close();
  }

  void write_parked() {
    const std::string at = fmt::format("{} * k + j", walk_.width);
    const auto loaded = [](std::size_t i) { return fmt::format("parked.at({}, j)", i); };
    out_.line("__shared__ Parked<{}, {}, {}, {}> parked;", stored_type(stores_[0].dtype),
              std::max(loads_.size(), stores_.size()), walk_.width, kThreads);
    out_.open(fmt::format("for (index k = first; {} * k < count; k += step) {{", walk_.width));
    out_.open("if (k < vectors) {");
    for (const Access& load : loads_)
      out_.line("const auto {} = load<{}>({}, k);", load.name, walk_.width, load.field);
    for (std::size_t i = 0; i < loads_.size(); ++i)
      out_.line("parked.put({}, {});", i, loads_[i].name);
    out_.turn("} else {");
    out_.line("#pragma unroll 1");
    out_.open(fmt::format("for (int j = 0; {} < count; ++j) {{", at));
    for (std::size_t i = 0; i < loads_.size(); ++i)
      out_.line("{} = {}[{}];", loaded(i), loads_[i].field, at);
    out_.close();
    out_.close();
    out_.line("#pragma unroll 1");
    out_.line("for (int j = 0; j < {} && {} < count; ++j)", walk_.width, at);
    const auto parked = [&](const std::vector<Access>& accesses) {
      return
          [&](const Access& of) { return loaded(static_cast<std::size_t>(&of - accesses.data())); };
    };
    out_.line("  {}", call(at, parked(loads_), parked(stores_)));
    out_.open("if (k < vectors) {");
    for (std::size_t i = 0; i < stores_.size(); ++i)
      out_.line("store({}, k, parked.take({}));", stores_[i].field, i);
    out_.turn("} else {");
    out_.line("#pragma unroll 1");
    out_.open(fmt::format("for (int j = 0; {} < count; ++j) {{", at));
    for (std::size_t i = 0; i < stores_.size(); ++i)
      out_.line("{}[{}] = {};", stores_[i].field, at, loaded(i));
    out_.close();
    out_.close();
    out_.close();
  }

  void write_vectors_ahead() {
    out_.open(fmt::format("for (index k = first; k < vectors; k += {} * step) {{", walk_.ahead));
    for (const Access& load : loads_) {
      out_.line("auto {} = load_ahead<{}, {}>({}, k, step, vectors);", load.name, walk_.width,
                walk_.ahead, load.field);
    }
    out_.line("const index end = k + {0} * step < vectors ? k + {0} * step : vectors;",
              walk_.ahead);
    out_.line("#pragma unroll 1");
    out_.open("for (index at = k; at < end; at += step) {");
    write_vector("at", ".first()");
    for (const Access& load : loads_) out_.line("{}.next();", load.name);
    out_.close();
    out_.close();
  }

  // Vector `at`, of which the loads' variables hold the values.
  void write_vector(std::string_view at, std::string_view of_loads) {
    std::string_view before;
    std::string declaration;
    const auto declare = [&] {
      if (!declaration.empty()) out_.line("{};", declaration);
    };
    for (const Access& store : stores_) {
      const std::string_view type = stored_type(store.dtype);
      if (type == before) {
        declaration += ", " + store.name;
        continue;
      }
      declare();
      before = type;
      declaration = fmt::format("Vector<{}, {}> {}", type, walk_.width, store.name);
    }
    declare();
    out_.line("#pragma unroll");
    out_.line("for (int j = 0; j < {}; ++j)", walk_.width);
    out_.line("  {}",
              call(
                  fmt::format("{} * {} + j", walk_.width, at),
                  [&](const Access& a) { return fmt::format("{}{}.at[j]", a.name, of_loads); },
                  [&](const Access& a) { return fmt::format("{}.at[j]", a.name); }));
    for (const Access& store : stores_)
      out_.line("store({}, {}, {});", store.field, at, store.name);
  }

  const plan::Plan& plan_;
  const Part& part_;
  Emitter& out_;
  Walk walk_;
  Body body_;
  Order order_;
  std::vector<Access> loads_, stores_;
  bool needs_index_ = false;
};

std::int64_t units(const plan::Plan& plan, const Part& part, bool is_aligned) {
  const std::int64_t unit =
      kThreads * static_cast<std::int64_t>(walk_of(plan, part, is_aligned).width);
  return std::max<std::int64_t>((part.space.size() + unit - 1) / unit, 1);
}

// A part with nothing to write has nothing to do.
bool has_work(const Part& part) {
  return part.space.size() > 0 || (part.reduces() && part.rows().size() > 0);
}

// What a kernel of these parts is for: how much it reads and writes, and its ops with how often
// each occurs. No shapes, which would make every size a text of its own.
std::string comment_of(const plan::Plan& plan, std::string_view kind, std::span<const Part> parts) {
  std::set<std::uint32_t> read;
  std::size_t written = 0;
  std::vector<std::pair<std::string, int>> ops;
  for (const Part& part : parts) {
    for (const Instruction& step : part.body) {
      for (const plan::Piece& piece : step.view.pieces) read.insert(piece.base.id);
      if (step.kind != Instruction::Kind::compute && step.kind != Instruction::Kind::reduce &&
          step.kind != Instruction::Kind::generate)
        continue;
      const std::string op = name(plan.tape.op(step.value));
      const auto known = std::ranges::find(ops, op, &std::pair<std::string, int>::first);
      if (known == ops.end()) {
        ops.emplace_back(op, 1);
      } else {
        ++known->second;
      }
    }
    written += part.stores.size();
  }
  std::string comment = fmt::format("{}, {} in, {} out:", kind, read.size(), written);
  for (const auto& [op, count] : ops)
    comment += count == 1 ? fmt::format(" {},", op) : fmt::format(" {} {},", count, op);
  comment.back() = '.';
  return comment;
}

// One launch for all parts: each block works at one of them.
GeneratedKernel pointwise(const plan::Plan& plan, const Stage& stage, bool is_aligned) {
  const bool is_wide = std::ranges::any_of(
      stage.parts, [&](const Part& part) { return needs_wide_indices(plan.tape, part); });
  Emitter out(is_wide);
  GeneratedKernel kernel;
  kernel.geometry.threads = kThreads;
  kernel.geometry.blocks = 0;
  int resident_blocks = 0;
  if (stage.parts.size() == 1) {
    out.line("const index first = blockIdx.x * {}u + threadIdx.x, step = gridDim.x * {}u;",
             kThreads, kThreads);
    resident_blocks = Elements(plan, stage.parts[0], out, is_aligned).write(true);
    kernel.geometry.blocks = units(plan, stage.parts[0], is_aligned);
  } else {
    kernel.geometry.takes_turns = false;
    for (const Part& part : stage.parts) {
      // Of a large part the blocks take turns.
      const std::int64_t blocks = std::min<std::int64_t>(units(plan, part, is_aligned), 2048);
      const std::string begin = out.word("begin", kernel.geometry.blocks),
                        shared = out.word("blocks", blocks);
      kernel.geometry.blocks += blocks;
      out.open(
          fmt::format("if (blockIdx.x >= {} && blockIdx.x < {} + {}) {{", begin, begin, shared));
      out.line(
          "const index first = static_cast<index>((blockIdx.x - {}) * {} + threadIdx.x), step = "
          "static_cast<index>({} * {});",
          begin, kThreads, shared, kThreads);
      Elements(plan, part, out, is_aligned).write(false);
      out.line("return;");
      out.close();
    }
  }
  kernel.text = out.finish(name(stage.kind), comment_of(plan, name(stage.kind), stage.parts),
                           kIncludes, kThreads, resident_blocks);
  kernel.fields = out.take_fields();
  return kernel;
}

// One launch for all parts, or several where they are too many for the compiler, or have more
// fields than an argument.
void add_pointwise(const plan::Plan& plan, const Stage& stage, bool is_aligned,
                   std::vector<GeneratedKernel>& kernels) {
  if (stage.parts.size() <= kMostParts) {
    GeneratedKernel kernel = pointwise(plan, stage, is_aligned);
    if (kernel.fields.size() <= kMostFields || stage.parts.size() == 1) {
      kernels.push_back(std::move(kernel));
      return;
    }
  }
  const auto middle = stage.parts.begin() + static_cast<std::ptrdiff_t>(stage.parts.size() / 2);
  Stage half{.kind = stage.kind, .parts = {stage.parts.begin(), middle}};
  add_pointwise(plan, half, is_aligned, kernels);
  half.parts.assign(middle, stage.parts.end());
  add_pointwise(plan, half, is_aligned, kernels);
}

}  // namespace

bool is_contiguous(const View& view) {
  return view.is_whole() && is_row_major(view) && view.shape.size() > 1;
}

std::vector<GeneratedKernel> generate(const plan::Plan& plan, const Stage& stage, bool is_aligned) {
  std::vector<GeneratedKernel> kernels;
  Stage busy = stage;
  std::erase_if(busy.parts, [](const Part& part) { return !has_work(part); });
  if (busy.parts.empty()) return kernels;
  if (std::ranges::all_of(busy.parts, [](const Part& part) { return !part.reduces(); })) {
    add_pointwise(plan, busy, is_aligned, kernels);
    return kernels;
  }
  for (const Part& part : busy.parts) {
    const std::string comment = comment_of(plan, "reduction", {&part, 1});
    if (!part.reduces()) {
      Stage alone;
      alone.parts.push_back(part);
      kernels.push_back(pointwise(plan, alone, is_aligned));
    } else {
      const auto generate_rows = part.is_resident ? generate_resident : generate_chunked;
      std::ranges::move(generate_rows(plan, part, is_aligned, comment),
                        std::back_inserter(kernels));
    }
  }
  return kernels;
}

GeneratedKernel generate_pack(const plan::Plan& plan, const Part& part, std::int64_t offset) {
  Emitter out(needs_wide_indices(plan.tape, part));
  out.line("const index first = blockIdx.x * {}u + threadIdx.x, step = gridDim.x * {}u;", kThreads,
           kThreads);
  Body body(plan, part, out);
  body.write_uniforms();
  const DType dtype = part.body[part.stores[0].local].dtype;
  const std::string into = out.arena("partials", offset, stored_type(dtype)),
                    count = out.word("count", part.space.size());
  out.open(fmt::format("for (index i = first; i < static_cast<index>({}); i += step) {{", count));
  Body::Position position{Level::element, "i", "", {}};
  const std::string value = body.value(part.stores[0].local, position);
  out.line("{}[i] = {};", into, stored_as(dtype, value));
  out.close();
  GeneratedKernel kernel;
  kernel.geometry.blocks = std::max<std::int64_t>((part.space.size() + kThreads - 1) / kThreads, 1);
  kernel.text = out.finish("pack", "an operand of a product, row-major", kIncludes, kThreads);
  kernel.fields = out.take_fields();
  return kernel;
}

}  // namespace tendon::cuda
