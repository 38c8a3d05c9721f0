#include "host/cuda/generate.h"

#include <algorithm>
#include <bit>

#include "host/cuda/body.h"
#include "host/cuda/generate_rows.h"

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

// Neighbouring elements that a thread takes at once: as many as make the widest of the values that
// lie row-major 16 bytes.
int vector_width(const plan::Plan& plan, const Part& part, bool is_aligned) {
  std::size_t widest = 0;
  bool all_aligned = true;
  const auto touch = [&](Ref value, DType dtype) {
    widest = std::max(widest, size_bytes(dtype));
    const plan::Space space = plan.locations[value.id].space;
    all_aligned &= is_aligned || space == plan::Space::arena;
  };
  for (const Instruction& step : part.body) {
    if (step.kind == Instruction::Kind::load && step.level == Level::element &&
        is_vector_load(step.view)) {
      touch(step.view.pieces[0].base, step.dtype);
    }
  }
  for (const plan::Store& store : part.stores) {
    if (part.body[store.local].level == Level::element)
      touch(store.value, part.body[store.local].dtype);
  }
  return !all_aligned || widest == 0 ? 1 : static_cast<int>(16 / widest);
}

// The elements of a part, each by a thread, several at once. `first` and `step`: of the threads
// that share the part.
void write_elements(const plan::Plan& plan, const Part& part, Emitter& out, bool is_aligned) {
  const int width = vector_width(plan, part, is_aligned);
  Body body(plan, part, out);
  body.write_uniforms();
  struct Access {
    std::string name, field;
    DType dtype;
  };
  std::vector<Access> loads, stores;
  Body::Position position{Level::element, "i", "", {}};
  std::string parameters;
  for (plan::Local local = 0; width > 1 && local < part.body.size(); ++local) {
    const Instruction& step = part.body[local];
    if (step.kind != Instruction::Kind::load || step.level != Level::element ||
        !is_vector_load(step.view))
      continue;
    const Access load{fmt::format("v{}", local),
                      out.address(step.view.pieces[0].base, step.dtype, false), step.dtype};
    loads.push_back(load);
    parameters += fmt::format(", {} {}", value_type(step.dtype), load.name);
    body.set(local, load.name);
  }
  for (std::size_t i = 0; i < part.stores.size(); ++i) {
    const plan::Store& store = part.stores[i];
    const DType dtype = part.body[store.local].dtype;
    stores.push_back({fmt::format("s{}", i), out.address(store.value, dtype, true), dtype});
    parameters += fmt::format(", {}& s{}", stored_type(dtype), i);
  }
  const std::string count = out.word("count", part.space.size());
  out.line("const index count = {};", count);
  out.open(fmt::format("const auto element = [&](index i{}) {{", parameters));
  for (std::size_t i = 0; i < part.stores.size(); ++i) {
    const std::string value = body.value(part.stores[i].local, position);
    out.line("s{} = stored_as<{}>({});", i, stored_type(stores[i].dtype), value);
  }
  out.close("};");
  const auto call = [&](std::string_view at, const auto& loaded, const auto& stored) {
    std::string text = fmt::format("element({}", at);
    for (const Access& load : loads) text += ", " + loaded(load);
    for (const Access& store : stores) text += ", " + stored(store);
    return text + ");";
  };
  const auto one = [&](std::string_view at) {
    return call(
        at, [&](const Access& a) { return fmt::format("value_of({}[{}])", a.field, at); },
        [&](const Access& a) { return fmt::format("{}[{}]", a.field, at); });
  };
  if (width == 1) {
    out.line("for (index i = first; i < count; i += step) {}", one("i"));
    return;
  }
  out.open(fmt::format("for (index k = first; k < count / {}; k += step) {{", width));
  for (const Access& load : loads)
    out.line("const auto x{} = load<{}>({}, k);", load.name, width, load.field);
  for (const Access& store : stores)
    out.line("Vector<{}, {}> y{};", stored_type(store.dtype), width, store.name);
  out.line("#pragma unroll");
  out.line("for (int j = 0; j < {}; ++j) {}", width,
           call(
               fmt::format("{} * k + j", width),
               [&](const Access& a) { return fmt::format("value_of(x{}.at[j])", a.name); },
               [&](const Access& a) { return fmt::format("y{}.at[j]", a.name); }));
  for (const Access& store : stores) out.line("store({}, k, y{});", store.field, store.name);
  out.close();
  out.line("const index rest = count / {} * {} + first;", width, width);
  out.line("if (rest < count) {}", one("rest"));
}

std::int64_t units(const plan::Plan& plan, const Part& part, bool is_aligned) {
  const std::int64_t unit =
      kThreads * static_cast<std::int64_t>(vector_width(plan, part, is_aligned));
  return std::max<std::int64_t>((part.space.size() + unit - 1) / unit, 1);
}

// The ops, in their order; no shapes, which would make every size a text of its own.
std::string comment_of(const plan::Plan& plan, const Stage& stage) {
  std::string comment = name(stage.kind);
  comment += ':';
  for (const Part& part : stage.parts) {
    for (const Instruction& step : part.body) {
      if (step.kind == Instruction::Kind::compute || step.kind == Instruction::Kind::reduce) {
        comment += fmt::format(" {}", name(plan.tape.op(step.value)));
      }
    }
  }
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
  if (stage.parts.size() == 1) {
    out.line("const index first = blockIdx.x * {}u + threadIdx.x, step = gridDim.x * {}u;",
             kThreads, kThreads);
    write_elements(plan, stage.parts[0], out, is_aligned);
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
      write_elements(plan, part, out, is_aligned);
      out.line("return;");
      out.close();
    }
  }
  kernel.text = out.finish(name(stage.kind), comment_of(plan, stage), kIncludes, kThreads);
  kernel.fields = out.take_fields();
  return kernel;
}

}  // namespace

bool is_vector_load(const View& view) {
  return view.is_whole() && is_row_major(view) && view.shape.size() > 1;
}

std::vector<GeneratedKernel> generate(const plan::Plan& plan, const Stage& stage, bool is_aligned) {
  std::vector<GeneratedKernel> kernels;
  if (std::ranges::all_of(stage.parts, [](const Part& part) { return !part.reduces(); })) {
    kernels.push_back(pointwise(plan, stage, is_aligned));
    return kernels;
  }
  for (const Part& part : stage.parts) {
    if (!part.reduces()) {
      Stage alone;
      alone.parts.push_back(part);
      kernels.push_back(pointwise(plan, alone, is_aligned));
    } else if (part.is_resident) {
      kernels.push_back(generate_resident(plan, part, is_aligned, comment_of(plan, stage)));
    } else {
      const std::vector<GeneratedKernel> chunked =
          generate_chunked(plan, part, comment_of(plan, stage));
      kernels.insert(kernels.end(), chunked.begin(), chunked.end());
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
  out.line("{}[i] = stored_as<{}>({});", into, stored_type(dtype), value);
  out.close();
  GeneratedKernel kernel;
  kernel.geometry.blocks = std::max<std::int64_t>((part.space.size() + kThreads - 1) / kThreads, 1);
  kernel.text = out.finish("pack", "an operand of a product, row-major", kIncludes, kThreads);
  kernel.fields = out.take_fields();
  return kernel;
}

}  // namespace tendon::cuda
