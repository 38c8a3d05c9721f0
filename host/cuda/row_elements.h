// How the threads of a block share the elements of resident rows, and the loops over those of a
// thread.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string_view>

#include "host/cuda/emitter.h"

namespace tendon::cuda {

// A row's threads are a group: some of a warp, a warp, or more. The text has the row's length as
// `length`, a thread's place in its group as `thread`, and in a loop over rows the row as `row`.
struct RowElements {
  // Of rows that are too long to be kept: a loop over what a thread has.
  static constexpr int kAnyNumber = 0;

  int threads = 32;  // of a group
  int elements = 1;  // of a thread, whole vectors
  int width = 1;     // of them side by side in memory
  int groups = 1;    // of a block: rows that it has at once
  // Whether the lines of an element are there once, since they are many. What a thread keeps of its
  // elements then lies in its local memory.
  bool is_rolled = false;

  // `widest`: bytes of the widest element that is loaded or stored; `can_be_wide`: whether all may
  // be as vectors of 16 bytes; `kept_count`: how many values of each element a thread keeps.
  static RowElements of(const plan::Part& part, bool can_be_wide, std::size_t widest,
                        std::size_t kept_count);

  // What a loop gives beside an element's place in its row.
  enum class Index { in_row, of_all };  // `j`; and `i`, of all elements

  // A loop over the elements of a thread: `e`, of the row `j`; where they are taken as vectors, a
  // loop over those, of the row `k`, around it. What is in between is written by `begin`, and by
  // `end` of close().
  template <class Begin>
  void open(Emitter& out, Index index, Begin&& begin) const {
    const std::string_view of_all = index == Index::of_all ? ", i = row * length + j" : "";
    const std::string_view unroll = is_rolled                ? "#pragma unroll 1"
                                    : elements == kAnyNumber ? "#pragma unroll 4"
                                                             : "#pragma unroll";
    out.line("{}", unroll);
    if (elements == kAnyNumber) {
      out.open(fmt::format("for (index j = thread; j < length; j += {}) {{", threads));
      if (index == Index::of_all) out.line("const index i = row * length + j;");
      return;
    }
    if (width == 1) {
      out.open(fmt::format("for (int e = 0; e < {}; ++e) {{", elements));
      out.line("const index j = e * {} + thread{};", threads, of_all);
      out.line("if (j >= length) break;");
      return;
    }
    open_vectors(out);
    begin();
    out.line("{}", unroll);
    out.open(fmt::format("for (int e = v; e < v + {}; ++e) {{", width));
    out.line("const index j = k * {} + (e - v){};", width, of_all);
  }
  template <class End>
  void close(Emitter& out, End&& end) const {
    out.close();
    if (width == 1) return;
    end();
    out.close();
  }
  void open_vectors(Emitter& out) const;
};

}  // namespace tendon::cuda
