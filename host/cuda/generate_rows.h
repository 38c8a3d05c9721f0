// Kernels of parts that reduce, and what they share.
#pragma once

#include <string>
#include <vector>

#include "host/cuda/body.h"
#include "host/cuda/generate.h"

namespace tendon::cuda {

// A row by a warp or more, its elements in registers while it is reduced. Where columns are reduced
// too, a block takes a chunk of rows, and a second kernel puts the chunks together.
std::vector<GeneratedKernel> generate_resident(const plan::Plan& plan, const plan::Part& part,
                                               bool is_aligned, const std::string& comment);

// Rows in chunks: a kernel that reduces each chunk to the arena, and one that puts a row's
// together; one alone where a row is one chunk.
std::vector<GeneratedKernel> generate_chunked(const plan::Plan& plan, const plan::Part& part,
                                              bool is_aligned, const std::string& comment);

inline constexpr std::string_view kRowIncludes =
    "#include \"tendon/memory.cuh\"\n#include \"tendon/ops.cuh\"\n#include \"tendon/row.cuh\"\n";

// A reduction's type, what it begins with, and how two results become one.
struct Reduction {
  std::string type, initial, combine;
  bool is_arg = false;

  std::string combining() const;  // two results, as a function
};
Reduction reduction_of(const plan::Plan& plan, const plan::Part& part, plan::Local local);

// Where a kernel has the results of chunks: those of reductions that are done in chunks.
class Partials {
 public:
  Partials(const plan::Plan& plan, const plan::Part& part, Emitter& out)
      : plan_(plan), part_(part), out_(out) {}
  // The address of a line of the part's k-th such reduction. The kernel's `chunks` says how many
  // there are, and `line` how long a line is. `outer_line`: empty where there is one.
  std::string line(std::size_t k, std::string_view outer_line);

 private:
  const plan::Plan& plan_;
  const plan::Part& part_;
  Emitter& out_;
  std::string partials_;
  std::vector<std::string> firsts_;  // of each reduction
};

// The kernel that puts the chunks' results together in order.
GeneratedKernel generate_together(const plan::Plan& plan, const plan::Part& part,
                                  const std::string& comment);

// Of a row, or column, whose reductions in chunks are whole in `r…`: what follows from them, and
// its stores.
void write_results(const plan::Part& part, Emitter& out, Body& body);

}  // namespace tendon::cuda
