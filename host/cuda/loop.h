// Kernels that are a loop over elements, and what those with indices share.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "host/cuda/emitter.h"

namespace tendon::cuda {

using Strides = std::array<std::int64_t, kMaxRank>;

// A kernel with a loop over `count` elements of index i.
class Loop {
 public:
  Loop(std::int64_t count, std::string_view stem, std::string comment)
      : count_(count), stem_(stem), comment_(std::move(comment)) {
    out.open(
        fmt::format("for (index i = static_cast<i64>(blockIdx.x) * {0} + threadIdx.x; i < {1}; i "
                    "+= static_cast<i64>(gridDim.x) * {0}) {{",
                    kThreads, out.word("count", count)));
  }
  GeneratedKernel finish() {
    out.close();
    GeneratedKernel kernel;
    kernel.geometry = {kThreads, std::max<std::int64_t>((count_ + kThreads - 1) / kThreads, 1),
                       true};
    kernel.text = out.finish(stem_, comment_, kIncludes, kThreads);
    kernel.fields = out.take_fields();
    return kernel;
  }
  // Lines that set `name` to the offset of element `index` of the shape in a layout.
  void offset(std::string_view name, std::string_view index, const Shape& shape,
              const Strides& strides, std::int64_t begin) {
    out.line("index {0} = {1}, {0}_left = {2};", name, out.word("begin", begin), index);
    for (int axis = shape.rank(); axis-- > 0;) {
      const std::string extent = out.word("extent", std::max<std::int64_t>(shape[axis], 1));
      out.line("{0} += {0}_left % {1} * {2}; {0}_left /= {1};", name, extent,
               out.word("stride", strides[static_cast<std::size_t>(axis)]));
    }
  }
  Emitter out{true};

 private:
  static constexpr std::uint32_t kThreads = 256;
  static constexpr std::string_view kIncludes =
      "#include \"tendon/index.cuh\"\n#include \"tendon/memory.cuh\"\n"
      "#include \"tendon/ops.cuh\"\n#include \"tendon/row.cuh\"\n";

  std::int64_t count_;
  std::string_view stem_;
  std::string comment_;
};

// A table's extents around an axis, which may be negative: of an element (outer, at, inner).
struct Walk {
  Walk(const Shape& table, int given) {
    const int axis = given < 0 ? given + table.rank() : given;
    for (int i = 0; i < axis; ++i) outer *= table[i];
    for (int i = axis + 1; i < table.rank(); ++i) inner *= table[i];
    extent = table[axis];
  }
  std::int64_t outer = 1, extent = 1, inner = 1;
};

// Lines that set `at` to where the index at `position` of an array of them points, -1 if out of
// range; that is noted once, by the thread for which `is_first` holds.
inline void write_index(Emitter& out, Ref op, std::string_view indices, std::string_view position,
                        std::string_view extent, std::string_view is_first) {
  out.line("const index at = place_in({}, {}[{}]);", extent, indices, position);
  out.line("if (at < 0 && {}) note({}, {}, {}[{}]);", is_first, out.fault(op), position, indices,
           position);
}

}  // namespace tendon::cuda
