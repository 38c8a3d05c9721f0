#include "host/cuda/elements.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/cuda/body.h"
#include "host/cuda/order.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Part;

// Blocks to be resident on a multiprocessor, whose 65536 registers are so many for a thread.
constexpr int kResident = 5, kResidentOfF64 = 4;
constexpr int kMostRegisters = 48, kMostRegistersOfF64 = 64;
// What a thread needs beside its values.
constexpr int kOtherRegisters = 12;
constexpr std::size_t kMostParked = 8;  // values, 4 KiB of shared memory each
// A thread's vectors are 4 registers a value that is loaded or stored: of more values it takes
// single elements.
constexpr std::size_t kMostVectors = 32;

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
  std::size_t vectors = part.stores.size();
  for (const Instruction& step : part.body) {
    if (!is_vector_load(step)) continue;
    touch(step.view.pieces[0].base, step.dtype);
    in_flight += size_bytes(step.dtype);
    ++vectors;
  }
  for (const plan::Store& store : part.stores) {
    if (part.body[store.local].level == Level::element)
      touch(store.value, part.body[store.local].dtype);
  }
  Walk walk;
  if (!all_aligned || widest == 0 || vectors > kMostVectors) return walk;
  walk.width = static_cast<int>(16 / widest);
  in_flight *= static_cast<std::size_t>(walk.width);
  if (in_flight > 0 && in_flight < 64) walk.ahead = in_flight < 32 ? 4 : 2;
  return walk;
}

class Elements {
 public:
  Elements(const plan::Plan& plan, const Part& part, bool is_aligned, Blocks blocks, Emitter& out)
      : plan_(plan),
        part_(part),
        takes_turns_(blocks == Blocks::take_turns),
        out_(out),
        walk_(walk_of(plan, part, is_aligned)),
        body_(plan, part, out) {
    is_rolled_ = !body_.may_be_written_out(walk_.width + 1);
    if (is_rolled_) walk_.ahead = 1;
  }

  ElementsGeometry write() {
    if (takes_turns_) {
      out_.line("const index first = blockIdx.x * {0}u + threadIdx.x, step = gridDim.x * {0}u;",
                kElementThreads);
    } else {
      const std::uint32_t of_block = kElementThreads * static_cast<std::uint32_t>(walk_.ahead);
      out_.line("const index first = block * {}u + threadIdx.x{};", of_block,
                walk_.ahead == 1 ? "" : fmt::format(", step = {}", kElementThreads));
    }
    body_.write_uniforms();
    take_accesses();
    const std::string count = out_.word("count", part_.space.size());
    if (walk_.width == 1) {
      out_.line("const index count = {};", count);
      write_element();
      if (takes_turns_) {
        out_.line("for (index i = first; i < count; i += step) {}", of_one("i"));
      } else {
        out_.line("if (first < count) {}", of_one("first"));
      }
      return {units(), 0, body_.instructions()};
    }
    const std::string vectors = out_.word("vectors", part_.space.size() / walk_.width);
    out_.line("const index count = {}, vectors = {};", count, vectors);
    write_element();
    if (takes_turns_ && needs_parking()) {
      write_parked();
      return {units(), has_f64() ? kResidentOfF64 : kResident, body_.instructions()};
    }
    if (is_rolled_) {
      write_rolled();
      return {units(), 0, body_.instructions()};
    }
    if (walk_.ahead == 1) {
      write_vectors();
    } else {
      write_vectors_ahead();
    }
    out_.line("const index rest = vectors * {} + first;", walk_.width);
    out_.line("if (rest < count) {}", of_one("rest"));
    return {units(), 0, (walk_.width + 1) * body_.instructions()};
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

  // How many blocks do it all. Those that take turns are so many that each could have one.
  std::int64_t units() const {
    const int vectors = takes_turns_ ? 1 : walk_.ahead;
    const std::int64_t unit = std::int64_t{kElementThreads} * walk_.width * vectors;
    return std::max<std::int64_t>((part_.space.size() + unit - 1) / unit, 1);
  }

  // Begins what a thread does with its vector, or as many as it loads ahead. Gives the vector.
  std::string_view open_vectors() {
    if (!takes_turns_) {
      out_.open("if (first < vectors) {");
      return "first";
    }
    const std::string step = walk_.ahead == 1 ? "step" : fmt::format("{} * step", walk_.ahead);
    out_.open(fmt::format("for (index k = first; k < vectors; k += {}) {{", step));
    return "k";
  }

  void write_vectors() {
    const std::string_view k = open_vectors();
    for (const Access& load : loads_)
      out_.line("const auto {} = load<{}>({}, {});", load.name, walk_.width, load.field, k);
    write_vector(k, "");
    out_.close();
  }

  void write_parked() {
    const std::string at = fmt::format("{} * k + j", walk_.width);
    const auto loaded = [](std::size_t i) { return fmt::format("parked.at({}, j)", i); };
    out_.line("__shared__ Parked<{}, {}, {}, {}> parked;", stored_type(stores_[0].dtype),
              std::max(loads_.size(), stores_.size()), walk_.width, kElementThreads);
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

  // The element's lines are there once, for whole vectors and for what is left of one. A loop takes
  // it through a vector by moving the elements: no register has a number that is computed.
  void write_rolled() {
    const std::string at = fmt::format("{} * k + j", walk_.width);
    if (takes_turns_) {
      out_.open(fmt::format("for (index k = first; {} * k < count; k += step) {{", walk_.width));
    } else {
      out_.open(fmt::format("if (const index k = first; {} * k < count) {{", walk_.width));
    }
    for (const Access& load : loads_) {
      out_.line("auto {} = load_some<{}>({}, k, vectors, count);", load.name, walk_.width,
                load.field);
    }
    for (const Access& store : stores_)
      out_.line("Vector<{}, {}> {}{{}};", stored_type(store.dtype), walk_.width, store.name);
    out_.line("#pragma unroll 1");
    out_.open(fmt::format("for (int j = 0; j < {}; ++j) {{", walk_.width));
    for (const Access& store : stores_) out_.line("next({});", store.name);
    const auto loaded = [](const Access& of) { return fmt::format("{}.at[0]", of.name); };
    const auto stored = [&](const Access& of) {
      return fmt::format("{}.at[{}]", of.name, walk_.width - 1);
    };
    out_.line("if ({} < count) {}", at, call(at, loaded, stored));
    for (const Access& load : loads_) out_.line("next({});", load.name);
    out_.close();
    for (const Access& store : stores_)
      out_.line("store_some({}, k, vectors, count, {});", store.field, store.name);
    out_.close();
  }

  void write_vectors_ahead() {
    const std::string_view k = open_vectors();
    for (const Access& load : loads_) {
      out_.line("auto {} = load_ahead<{}, {}>({}, {}, step, vectors);", load.name, walk_.width,
                walk_.ahead, load.field, k);
    }
    out_.line("const index end = {0} + {1} * step < vectors ? {0} + {1} * step : vectors;", k,
              walk_.ahead);
    out_.line("#pragma unroll 1");
    out_.open(fmt::format("for (index at = {}; at < end; at += step) {{", k));
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
  bool takes_turns_;
  Emitter& out_;
  Walk walk_;
  Body body_;
  Order order_;
  std::vector<Access> loads_, stores_;
  bool needs_index_ = false;
  bool is_rolled_ = false;
};

}  // namespace

ElementsGeometry write_elements(const plan::Plan& plan, const Part& part, bool is_aligned,
                                Blocks blocks, Emitter& out) {
  return Elements(plan, part, is_aligned, blocks, out).write();
}

}  // namespace tendon::cuda
