// Each row of the op table, for each dtype that it takes, compiled for the devices that tendon
// supports: op::NAME is there, gives the row's type, and spills no register.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "host/cuda/nvrtc.h"

namespace tendon::cuda {
namespace {

struct Row {
  std::string name, operands, result;
  int arity = 1;
  bool has_parameter = false;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> all = {
#define TENDON_UNARY(name, value, partial, operands, result, ...) {#name, #operands, #result},
#define TENDON_UNARY_PARAMETER(name, parameter, initial, value, partial, operands, result, ...) \
  {#name, #operands, #result, 1, true},
#define TENDON_BINARY(name, value, partial_a, partial_b, operands, result, ...) \
  {#name, #operands, #result, 2},
#define TENDON_TERNARY(name, value, partial_a, partial_b, partial_c, operands, result, ...) \
  {#name, #operands, #result, 3},
#include <tendon/op_table.inc>
  };
  return all;
}

const std::map<std::string, std::vector<std::string>> kTypes = {
    {"floating", {"float", "double"}},
    {"numeric", {"int", "long long", "float", "double"}},
    {"any", {"bool", "int", "long long", "float", "double"}},
    {"boolean", {"bool"}},
};

// A kernel of one call; the arguments are elements of the arrays a, b and c.
std::string kernel(std::size_t number, const std::string& from, const std::string& to,
                   const std::string& call) {
  return fmt::format(
      "extern \"C\" __global__ void kernel{0}(const {1}* a, const {1}* b, const {1}* c, {2}* y) "
      "{{\n"
      "  const int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
      "  const auto result = {3};\n"
      "  static_assert(kAreSame<decltype(result), const {2}>);\n"
      "  y[i] = result;\n}}\n",
      number, from, to, call);
}

// Many kernels in one text, which compiles faster than each alone.
struct Text {
  std::string text =
      "#include \"tendon/ops.cuh\"\n"
      "using namespace tendon;\n"
      "template <class A, class B>\n"
      "constexpr bool kAreSame = false;\n"
      "template <class A>\n"
      "constexpr bool kAreSame<A, A> = true;\n";
  std::size_t count = 0;

  void add(const std::string& from, const std::string& to, const std::string& call) {
    text += kernel(count++, from, to, call);
  }
};

void expect_compiles(const Text& text) {
  ASSERT_GT(text.count, 0U);
  for (const int architecture : {80, 90, 100, 120}) {
    const Target target = target_for(architecture, Nvrtc::instance().architectures());
    EXPECT_EQ(Nvrtc::instance().compile({"rows", text.text}, target).spilled_bytes, 0)
        << "sm_" << architecture;
  }
}

class OpRows : public testing::TestWithParam<std::string> {};

TEST_P(OpRows, CompileForEachDeviceWithoutSpills) {
  const std::string type = GetParam();
  Text text;
  for (const Row& row : rows()) {
    const std::vector<std::string>& types = kTypes.at(row.operands);
    if (std::ranges::find(types, type) == types.end()) continue;
    const std::string others = row.arity == 3 ? ", b[i], c[i]" : row.arity == 2 ? ", b[i]" : "";
    const std::string parameter = row.has_parameter ? ", b[0]" : "";
    text.add(type, row.result == "boolean" ? "bool" : type,
             fmt::format("op::{}(a[i]{}{})", row.name, others, parameter));
  }
  expect_compiles(text);
}
INSTANTIATE_TEST_SUITE_P(EachType, OpRows, testing::ValuesIn(kTypes.at("any")),
                         [](const testing::TestParamInfo<std::string>& type) {
                           return type.param == "long long" ? "long_long" : type.param;
                         });

TEST(OtherOps, CompileForEachDeviceWithoutSpills) {
  Text text;
  for (const std::string& from : kTypes.at("any")) {
    for (const std::string& to : kTypes.at("any")) {
      text.add(from, to, fmt::format("op::cast<{}>(a[i])", to));
    }
    text.add(from, from, "op::select(i > 3, a[i], b[i])");
  }
  for (const char* dtype : {"f16", "bf16", "f32", "f64"}) {
    text.add("unsigned long long", dtype == std::string("f64") ? "double" : "float",
             fmt::format("uniform_{}(a[0], b[0], c[i])", dtype));
  }
  expect_compiles(text);
}

}  // namespace
}  // namespace tendon::cuda
