#include "host/cuda/generate.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>
#include <set>
#include <span>

#include "host/cuda/body.h"
#include "host/cuda/elements.h"
#include "host/cuda/generate_rows.h"

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Part;

constexpr std::uint32_t kThreads = kElementThreads;
constexpr std::string_view kIncludes =
    "#include \"tendon/memory.cuh\"\n#include \"tendon/ops.cuh\"\n";
constexpr std::string_view kIncludesOfParts =
    "#include \"tendon/memory.cuh\"\n#include \"tendon/ops.cuh\"\n#include \"tendon/parts.cuh\"\n";
// CUDA passes a kernel 32764 bytes of arguments at most.
constexpr std::size_t kMostFields = 32764 / sizeof(std::uint64_t);
// The compiler takes time by the square of a kernel's functions: a second for twenty, ten for
// eighty.
constexpr std::size_t kMostFunctions = 32;
// Instructions of a launch's functions together, nearly, unless one alone has more.
constexpr int kMostInstructions = 6000;

// A part with nothing to write has nothing to do.
bool has_work(const Part& part) {
  return part.space.size() > 0 || (part.reduces() && part.rows().size() > 0);
}

// What a kernel of these parts is for: how much it reads and writes, and its ops with how often
// each occurs. No shapes, which would make every size a text of its own.
std::string comment_of(const plan::Plan& plan, std::string_view kind,
                       const std::vector<const Part*>& parts) {
  std::set<std::uint32_t> read;
  std::size_t written = 0;
  std::vector<std::pair<std::string, int>> ops;
  for (const Part* part : parts) {
    for (const Instruction& step : part->body) {
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
    written += part->stores.size();
  }
  std::string comment = fmt::format("{}, {} in, {} out:", kind, read.size(), written);
  for (const auto& [op, count] : ops)
    comment += count == 1 ? fmt::format(" {},", op) : fmt::format(" {} {},", count, op);
  comment.back() = '.';
  return comment;
}

// Of one part, at whose elements all blocks take turns.
GeneratedKernel pointwise(const plan::Plan& plan, const Part& part, bool is_aligned) {
  Emitter out(needs_wide_indices(plan.tape, part));
  const ElementsGeometry geometry = write_elements(plan, part, is_aligned, Blocks::take_turns, out);
  GeneratedKernel kernel;
  kernel.geometry = {kThreads, geometry.blocks, true};
  kernel.text = out.finish("pointwise", comment_of(plan, "pointwise", {&part}), kIncludes, kThreads,
                           geometry.resident_blocks);
  kernel.fields = out.take_fields();
  return kernel;
}

// Parts that differ in what their fields hold and in nothing else: one function works at each.
struct Alike {
  std::string declarations, lines;  // of the fields; of the function
  int instructions;                 // of the function, nearly
  struct Member {
    const Part* part;
    std::vector<Field> fields;
    std::int64_t blocks;
  };
  std::vector<Member> members;
};

std::vector<Alike> alike(const plan::Plan& plan, std::span<const Part> parts, bool is_aligned,
                         bool is_wide) {
  std::vector<Alike> all;
  std::map<std::string, std::size_t> known;  // by text
  for (const Part& part : parts) {
    Emitter out(is_wide);
    const ElementsGeometry geometry = write_elements(plan, part, is_aligned, Blocks::once, out);
    const std::string declarations = out.declarations(), lines = out.lines();
    const auto [found, is_new] = known.try_emplace(declarations + lines, all.size());
    if (is_new) all.push_back({declarations, lines, geometry.instructions, {}});
    all[found->second].members.push_back({&part, out.take_fields(), geometry.blocks});
  }
  return all;
}

Field word(std::int64_t value) {
  return {Field::Kind::word, {}, static_cast<std::uint64_t>(value)};
}

// How many numbers say where the blocks of so many parts begin: what share_of halves.
std::size_t begins_of(std::size_t part_count) { return std::bit_ceil(part_count); }

// One launch: each block finds the part that it works at, and calls the function of those alike.
GeneratedKernel multi(const plan::Plan& plan, const std::vector<Alike>& all, bool is_wide) {
  Emitter out(is_wide);
  std::vector<const Part*> parts;
  std::vector<Field> begins;  // of each part's blocks
  std::int64_t blocks = 0;
  for (const Alike& of : all) {
    for (const Alike::Member& member : of.members) {
      parts.push_back(member.part);
      begins.push_back(word(blocks));
      blocks += member.blocks;
    }
  }
  begins.resize(begins_of(parts.size()), word(blocks));
  out.array("i64", "begins", begins.size(), begins);
  out.line("const Share share = share_of(a.begins);");
  std::size_t end = 0;
  for (const Alike& of : all) {
    const std::string number = all.size() == 1 ? "" : fmt::format("{}", &of - all.data());
    out.define(
        fmt::format("struct Part{0} {{\n{1}}};\n\n__device__ void work(const Part{0}& a, index "
                    "block) {{\n{2}}}\n\n",
                    number, of.declarations, of.lines));
    std::vector<Field> fields;
    for (const Alike::Member& member : of.members)
      fields.insert(fields.end(), member.fields.begin(), member.fields.end());
    out.array("Part" + number, "parts" + number, of.members.size(), fields);
    const std::string at = of.members.size() == 1 ? "0"
                           : end == 0             ? "share.part"
                                                  : fmt::format("share.part - {}", end);
    end += of.members.size();
    const std::string before =
        end == parts.size() ? "" : fmt::format("if (share.part < {}) return ", end);
    out.line("{}work(a.parts{}[{}], share.block);", before, number, at);
  }
  GeneratedKernel kernel;
  kernel.geometry = {kThreads, blocks, false};
  kernel.text = out.finish("multi", comment_of(plan, "multi", parts), kIncludesOfParts, kThreads);
  kernel.fields = out.take_fields();
  return kernel;
}

// One launch for all parts, or several where they have more fields than an argument, or more
// functions than the compiler takes well.
void add_multi(const plan::Plan& plan, std::span<const Part> parts, bool is_aligned,
               std::vector<GeneratedKernel>& kernels) {
  const bool is_wide = std::ranges::any_of(
      parts, [&](const Part& part) { return needs_wide_indices(plan.tape, part); });
  std::vector<Alike> launch;
  std::size_t part_count = 0, field_count = 0;
  int instructions = 0;
  const auto finish = [&] {
    kernels.push_back(multi(plan, launch, is_wide));
    launch.clear();
    part_count = field_count = 0;
    instructions = 0;
  };
  for (Alike& of : alike(plan, parts, is_aligned, is_wide)) {
    bool is_there = false;  // in the launch
    for (Alike::Member& member : of.members) {
      const std::size_t fields = field_count + member.fields.size() + begins_of(part_count + 1);
      const bool has_room = fields <= kMostFields &&
                            (is_there || (launch.size() < kMostFunctions &&
                                          instructions + of.instructions <= kMostInstructions));
      if (!has_room && !launch.empty()) {
        finish();
        is_there = false;
      }
      if (!is_there) {
        launch.push_back({of.declarations, of.lines, of.instructions, {}});
        instructions += of.instructions;
      }
      is_there = true;
      ++part_count;
      field_count += member.fields.size();
      launch.back().members.push_back(std::move(member));
    }
  }
  finish();
}

}  // namespace

std::vector<GeneratedKernel> generate(const plan::Plan& plan, std::span<const Part> parts,
                                      bool is_aligned) {
  std::vector<GeneratedKernel> kernels;
  std::vector<Part> busy(parts.begin(), parts.end());
  std::erase_if(busy, [](const Part& part) { return !has_work(part); });
  if (busy.empty()) return kernels;
  if (busy.size() > 1 &&
      std::ranges::none_of(busy, [](const Part& part) { return part.reduces(); })) {
    add_multi(plan, busy, is_aligned, kernels);
    return kernels;
  }
  for (const Part& part : busy) {
    const std::string comment = comment_of(plan, "reduction", {&part});
    if (!part.reduces()) {
      kernels.push_back(pointwise(plan, part, is_aligned));
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
