// How many operands an instruction takes, by the PTX manual.
#include <algorithm>

#include "machine/decode.h"

namespace emulator {
namespace {

struct Count {
  std::string_view base;
  std::size_t least, most;
};
// Where the modifiers do not matter.
constexpr Count kCounts[] = {
    {"abs", 2, 2},      {"activemask", 1, 1}, {"add", 3, 3},       {"addc", 3, 3},
    {"and", 3, 3},      {"bfe", 4, 4},        {"bfi", 5, 5},       {"bfind", 2, 2},
    {"bmsk", 3, 3},     {"bra", 1, 1},        {"brev", 2, 2},      {"brkpt", 0, 0},
    {"brx", 2, 2},      {"call", 1, 4},       {"clz", 2, 2},       {"cnot", 2, 2},
    {"copysign", 3, 3}, {"cos", 2, 2},        {"cvta", 2, 2},      {"div", 3, 3},
    {"dp2a", 4, 4},     {"dp4a", 4, 4},       {"elect", 3, 3},     {"ex2", 2, 2},
    {"exit", 0, 0},     {"fma", 4, 4},        {"fns", 4, 4},       {"griddepcontrol", 0, 0},
    {"isspacep", 2, 2}, {"lg2", 2, 2},        {"mad", 4, 4},       {"mad24", 4, 4},
    {"madc", 4, 4},     {"match", 3, 4},      {"membar", 0, 0},    {"mov", 2, 2},
    {"mul", 3, 3},      {"mul24", 3, 3},      {"nanosleep", 1, 1}, {"neg", 2, 2},
    {"not", 2, 2},      {"or", 3, 3},         {"pmevent", 1, 1},   {"popc", 2, 2},
    {"prmt", 4, 4},     {"rcp", 2, 2},        {"redux", 3, 3},     {"rem", 3, 3},
    {"ret", 0, 0},      {"rsqrt", 2, 2},      {"sad", 4, 4},       {"selp", 4, 4},
    {"shf", 4, 4},      {"shl", 3, 3},        {"shr", 3, 3},       {"sin", 2, 2},
    {"slct", 4, 4},     {"sqrt", 2, 2},       {"sub", 3, 3},       {"subc", 3, 3},
    {"szext", 3, 3},    {"tanh", 2, 2},       {"testp", 2, 2},     {"trap", 0, 0},
    {"vote", 3, 3},     {"xor", 3, 3},
};

bool combines(const Decoding& d) { return d.has("and") || d.has("or") || d.has("xor"); }

// bar.sync, barrier.arrive, …
Count barrier(const Decoding& d) {
  if (d.has("cluster")) return {{}, 0, 0};
  if (d.has("warp")) return {{}, 1, 1};
  if (d.has("red")) return {{}, 3, 4};
  return d.has("arrive") ? Count{{}, 2, 2} : Count{{}, 1, 2};
}

Count conversion(const Decoding& d) {
  if (d.has("pack")) return {{}, 3, 4};
  const Type to = d.type_count() == 0 ? Type::none : d.type();
  if (to == Type::f16x2 || to == Type::bf16x2) {
    if (d.last_type() == Type::f32) return {{}, 3, d.has("rs") ? 4u : 3u};
    return {{}, 2, 4};
  }
  // Of the packed types that are not known here some take two sources.
  const bool is_packed = std::any_of(d.words().begin() + 1, d.words().end(), [](auto word) {
    return word.ends_with("x2") || word.ends_with("x4");
  });
  return {{}, 2, is_packed ? 4u : 2u};
}

Count asynchronous_copy(const Decoding& d) {
  if (d.has("commit_group") || d.has("wait_all")) return {{}, 0, d.has("bulk") ? 1u : 0u};
  if (d.has("wait_group") || d.has("mbarrier")) return {{}, 1, 1};
  return {{}, 2, 8};
}

Count memory_barrier(const Decoding& d) {
  if (d.has("inval")) return {{}, 1, 1};
  // The state is left out where the object is of another block.
  if (d.has("arrive") || d.has("arrive_drop")) return {{}, d.has("expect_tx") ? 2u : 1u, 3};
  if (d.has("test_wait")) return {{}, 3, 3};
  if (d.has("try_wait")) return {{}, 3, 4};
  return {{}, 2, 2};  // init, expect_tx, complete_tx, pending_count
}

Count count(const Decoding& d) {
  const std::string_view base = d.base();
  const std::size_t hint = d.has("L2::cache_hint") ? 1 : 0;
  if (base == "ld" || base == "ldu" || base == "st") return {{}, 2 + hint, 2 + hint};
  if (base == "atom" || base == "red") {
    const std::size_t without = (base == "atom" ? 3u : 2u) + (d.has("cas") ? 1u : 0u) + hint;
    return {{}, without, without + (d.has("async") ? 1u : 0u)};
  }
  if (base == "min" || base == "max") return {{}, 3, d.last_type() == Type::f32 ? 4u : 3u};
  if (base == "setp") return {{}, combines(d) ? 4u : 3u, combines(d) ? 5u : 4u};
  if (base == "set") return {{}, combines(d) ? 4u : 3u, combines(d) ? 4u : 3u};
  if (base == "lop3") return {{}, combines(d) ? 6u : 5u, combines(d) ? 7u : 5u};
  if (base == "shfl") return {{}, d.has("sync") ? 5u : 4u, d.has("sync") ? 6u : 5u};
  if (base == "bar" || base == "barrier") return barrier(d);
  if (base == "mbarrier") return memory_barrier(d);
  if (base == "cvt") return conversion(d);
  if (base == "cp" && d.has("async")) return asynchronous_copy(d);
  const auto found = std::ranges::find(kCounts, base, &Count::base);
  return found == std::end(kCounts) ? Count{{}, 0, ~std::size_t{0}} : *found;
}

}  // namespace

bool takes(const Decoding& d, std::size_t operand_count) {
  const Count allowed = count(d);
  return operand_count >= allowed.least && operand_count <= allowed.most;
}

}  // namespace emulator
