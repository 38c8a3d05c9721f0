// Writes PTX around forms and cases, runs it, and compares.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <sstream>

#include "opcodes.h"
#include "support/device.h"
#include "support/library.h"

namespace emulator_test {
namespace {

constexpr std::string_view kParameters =
    "(.param .u64 in, .param .u64 out, .param .u32 count)\n{\n";
constexpr std::size_t kFormsOfModule = 60;
constexpr std::size_t kMostOfThree = 14;  // edge values of an operand, where there are three

// %t is the thread's index in the grid; those past `count` leave.
constexpr std::string_view kIndex =
    "  .reg .pred %leaves;\n  .reg .b32 %t, %block, %threads, %most;\n"
    "  .reg .b64 %in, %out, %wide;\n"
    "  ld.param.u64 %in, [in];\n  ld.param.u64 %out, [out];\n  ld.param.u32 %most, [count];\n"
    "  mov.u32 %t, %tid.x;\n  mov.u32 %block, %ctaid.x;\n  mov.u32 %threads, %ntid.x;\n"
    "  mad.lo.s32 %t, %block, %threads, %t;\n  setp.ge.u32 %leaves, %t, %most;\n"
    "  @%leaves ret;\n"
    "  cvta.to.global.u64 %in, %in;\n  cvta.to.global.u64 %out, %out;\n";

std::string slots(std::size_t inputs, std::size_t outputs) {
  return "  mul.wide.u32 %wide, %t, " + std::to_string(8 * inputs) +
         ";\n  add.s64 %in, %in, %wide;\n  mul.wide.u32 %wide, %t, " + std::to_string(8 * outputs) +
         ";\n  add.s64 %out, %out, %wide;\n";
}

const char* type(Register kind) {
  switch (kind) {
    case Register::pred: return "pred";
    case Register::b8: return "b16";
    case Register::b16: return "b16";
    case Register::b32: return "b32";
    case Register::b64: return "b64";
  }
  std::abort();
}

std::string kernel_of(const Form& form, const std::string& name) {
  std::ostringstream text;
  text << ".visible .entry " << name << kParameters << kIndex << slots(form.operands.size(), 1);
  text << "  .reg .b32 %x, %y, %z, %seen;\n  .reg .pred %q;\n";
  text << "  .reg ." << type(form.result) << " %d;\n";
  for (std::size_t i = 0; i < form.operands.size(); ++i) {
    const std::string operand = std::string("%") + "abce"[i];
    const Register kind = form.operands[i];
    text << "  .reg ." << type(kind) << " " << operand << ";\n";
    const std::string place = "[%in+" + std::to_string(8 * i) + "];\n";
    if (kind == Register::pred) {
      text << "  ld.global.u32 %seen, " << place << "  setp.ne.u32 " << operand << ", %seen, 0;\n";
    } else {
      text << "  ld.global." << (kind == Register::b8 ? "b8" : type(kind)) << " " << operand << ", "
           << place;
    }
  }
  text << "  " << form.text << "\n";
  if (form.result == Register::pred) {
    text << "  selp.b32 %seen, 1, 0, %d;\n  st.global.u32 [%out], %seen;\n";
  } else {
    text << "  st.global." << type(form.result) << " [%out], %d;\n";
  }
  text << "  ret;\n}\n";
  return text.str();
}

std::string kernel_of(const Case& tested, const std::string& name) {
  std::ostringstream text;
  text << tested.declarations << "\n.visible .entry " << name << kParameters << kIndex
       << slots(tested.inputs, tested.outputs);
  text << "  .reg .pred %p<8>;\n  .reg .b16 %h<16>;\n  .reg .b32 %r<40>;\n  .reg .b64 %l<40>;\n"
          "  .reg .f32 %f<8>;\n  .reg .f64 %g<8>;\n";
  text << tested.body << "\n  ret;\n}\n";
  return text.str();
}

// Gives each thread's words; zeros and a failure where the kernel did not end well.
std::vector<std::uint64_t> run(const Library& library, const std::string& name,
                               const std::vector<std::uint64_t>& input, std::size_t outputs,
                               std::uint32_t count, std::uint32_t block) {
  const DeviceArray<std::uint64_t> in(input), out(outputs * count);
  require(cudaMemset(out.get(), 0, out.count() * sizeof(std::uint64_t)));
  std::uint64_t* in_address = in.get();
  std::uint64_t* out_address = out.get();
  cudaError_t error = library.launch(name, dim3((count + block - 1) / block), dim3(block),
                                     {&in_address, &out_address, &count});
  if (error == cudaSuccess) error = cudaDeviceSynchronize();
  if (error == cudaSuccess && (emulator() == nullptr || emulator()->report_count() == 0)) {
    return out.values();
  }
  std::string reported;
  if (emulator() != nullptr) {
    if (emulator()->report_count() != 0) reported = emulator()->report_text(0);
    emulator()->reset();
  }
  cudaGetLastError();
  ADD_FAILURE() << cudaGetErrorName(error) << " " << reported;
  return std::vector<std::uint64_t>(out.count());
}

// Infinity is as near to the greatest number as the next number would be.
Quad finite(const Format& format, Quad value) {
  if (!is_infinite(value)) return value;
  const std::uint64_t most = encode(format, Quad{1} / Quad{0}) - 1;
  const Quad greatest = decode(format, most);
  const Quad next = greatest + (greatest - decode(format, most - 1));
  return value < 0 ? -next : next;
}

bool agrees(const Form& form, std::uint64_t got, std::uint64_t want) {
  if (got == want) return true;
  if (form.format == nullptr) return false;
  const int bits = 8 * form.format->bytes;
  for (int i = 0; i < form.elements; ++i, got >>= bits, want >>= bits) {
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    if ((got & mask) == (want & mask)) continue;
    const Quad got_number = decode(*form.format, got & mask);
    const Quad want_number = decode(*form.format, want & mask);
    if (is_nan(got_number) && is_nan(want_number)) continue;
    if (form.nearness.relative == 0 && form.nearness.absolute == 0) return false;
    const Quad difference =
        absolute(finite(*form.format, got_number) - finite(*form.format, want_number));
    const Quad size = absolute(finite(*form.format, want_number));
    if (!(difference <= form.nearness.absolute || difference <= form.nearness.relative * size)) {
      return false;
    }
  }
  return true;
}

std::string shown(const Form& form, std::uint64_t bits) {
  std::ostringstream text;
  text << "0x" << std::hex << bits;
  if (form.format != nullptr && form.elements == 1) {
    text << " (" << std::setprecision(17) << static_cast<double>(decode(*form.format, bits)) << ")";
  }
  return text.str();
}

std::vector<std::uint64_t> combinations(const Form& form) {
  std::vector<std::vector<std::uint64_t>> values = form.values;
  if (values.size() > 2) {
    for (auto& of_operand : values) of_operand.resize(std::min(of_operand.size(), kMostOfThree));
  }
  std::size_t count = 1;
  for (const auto& of_operand : values) count *= of_operand.size();
  std::vector<std::uint64_t> result;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i;
    for (const auto& of_operand : values) {
      result.push_back(of_operand[rest % of_operand.size()]);
      rest /= of_operand.size();
    }
  }
  return result;
}

void expect_form(const Library& library, const Form& form, const std::string& name) {
  const auto input = combinations(form);
  const std::size_t arity = form.operands.size();
  const auto count = static_cast<std::uint32_t>(input.size() / arity);
  SCOPED_TRACE(form.text);
  const auto got = run(library, name, input, 1, count, 128);
  std::size_t wrong_count = 0;
  std::ostringstream wrong;
  for (std::size_t i = 0; i < count; ++i) {
    const auto operands = std::span(input).subspan(i * arity, arity);
    const std::uint64_t want = form.want(operands);
    if (agrees(form, got[i], want)) continue;
    if (++wrong_count > 4) continue;
    wrong << "\n  of";
    for (const std::uint64_t operand : operands) wrong << " 0x" << std::hex << operand;
    wrong << " it gives " << shown(form, got[i]) << ", not " << shown(form, want);
  }
  EXPECT_EQ(wrong_count, 0u) << form.names.front() << " is wrong " << wrong_count << " times of "
                             << count << wrong.str();
}

void expect_case(const Case& tested) {
  const std::string text = std::string(kPtxHead) + kernel_of(tested, "tested");
  SCOPED_TRACE(text);
  const auto opcodes = opcodes_of(text);
  for (const std::string& name : tested.names) {
    EXPECT_TRUE(opcodes.contains(name)) << "the case does not hold " << name;
  }
  const std::uint32_t count = tested.block * tested.grid;
  std::vector<std::uint64_t> input = tested.input;
  std::mt19937_64 random(1);
  while (input.size() < tested.inputs * count) input.push_back(random());
  std::vector<std::uint64_t> want(tested.outputs * count);
  tested.want(input, want);
  const Library library(text);
  const auto got = run(library, "tested", input, tested.outputs, count, tested.block);
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i]) continue;
    ADD_FAILURE() << tested.names.front() << ": thread " << i / tested.outputs << " gives 0x"
                  << std::hex << got[i] << " at " << i % tested.outputs << ", not 0x" << want[i];
    return;
  }
}

}  // namespace

void expect_forms(const std::vector<Form>& forms) {
  for (std::size_t first = 0; first < forms.size(); first += kFormsOfModule) {
    const std::size_t end = std::min(first + kFormsOfModule, forms.size());
    std::string text(kPtxHead);
    for (std::size_t i = first; i < end; ++i) {
      text += kernel_of(forms[i], "form_" + std::to_string(i));
    }
    const Library library(text);
    for (std::size_t i = first; i < end; ++i) {
      expect_form(library, forms[i], "form_" + std::to_string(i));
    }
  }
}

void expect_cases(const std::vector<Case>& cases) {
  for (const Case& tested : cases) expect_case(tested);
}

}  // namespace emulator_test
