#include "host/cuda/emitter.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

namespace tendon::cuda {

std::string_view stored_type(DType dtype) {
  switch (dtype) {
    case DType::boolean: return "boolean";
    case DType::i32: return "i32";
    case DType::i64: return "i64";
    case DType::f16: return "f16";
    case DType::bf16: return "bf16";
    case DType::f32: return "f32";
    case DType::f64: return "f64";
  }
  return "";
}

std::string_view value_type(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 ? "f32" : stored_type(dtype);
}

std::string Emitter::add(std::string_view type, std::string name, Field field) {
  declarations_.push_back(fmt::format("  {} {};", type, name));
  fields_.push_back(field);
  return "a." + name;
}

std::string Emitter::address(Ref value, DType dtype, bool is_written) {
  auto [found, is_new] = addresses_.try_emplace({value.id, is_written});
  if (is_new) {
    found->second = add(fmt::format("{}{}*", is_written ? "" : "const ", stored_type(dtype)),
                        fmt::format("{}{}", is_written ? 'y' : 'x', addresses_.size() - 1),
                        {Field::Kind::address, value, 0});
  }
  return found->second;
}

std::string Emitter::arena(std::string_view stem, std::int64_t offset, std::string_view type) {
  return add(fmt::format("{}*", type), fmt::format("{}{}", stem, word_count_++),
             {Field::Kind::arena, {}, static_cast<std::uint64_t>(offset)});
}

std::string Emitter::number(Ref constant) {
  auto [found, is_new] = numbers_.try_emplace(constant.id);
  if (is_new) {
    found->second = add("f64", fmt::format("number{}", numbers_.size() - 1),
                        {Field::Kind::number, constant, 0});
  }
  return found->second;
}

std::string Emitter::key(Ref op, int half) {
  return add("u64", fmt::format("key{}", word_count_++),
             {Field::Kind::key, op, static_cast<std::uint64_t>(half)});
}

std::string Emitter::word(std::string_view stem, std::int64_t value) {
  return add("i64", fmt::format("{}{}", stem, word_count_++),
             {Field::Kind::word, {}, static_cast<std::uint64_t>(value)});
}

// Narrow indices are divided by multiplication: q = (high half of n * multiplier + n) >> shift
// (Granlund, Montgomery (1994), figure 4.1), the multiplier and shift packed in one word.
std::string Emitter::divisor(std::int64_t value) {
  if (index_type_ == "i64") {
    return add(
        "Divisor64", fmt::format("d{}", word_count_++),
        {Field::Kind::word, {}, static_cast<std::uint64_t>(std::max<std::int64_t>(value, 1))});
  }
  const auto divisor = static_cast<std::uint32_t>(std::max<std::int64_t>(value, 1));
  const int shift = divisor == 1 ? 0 : 32 - std::countl_zero(divisor - 1);
  const std::uint64_t multiplier =
      (((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - divisor)) / divisor) + 1;
  const std::uint64_t packed =
      (static_cast<std::uint64_t>(shift) << 32) | (multiplier & 0xffff'ffffu);
  return add("Divisor", fmt::format("d{}", word_count_++), {Field::Kind::word, {}, packed});
}

void Emitter::open(std::string_view text) {
  line("{}", text);
  ++depth_;
}

void Emitter::close(std::string_view text) {
  --depth_;
  line("{}", text);
}

KernelText Emitter::finish(std::string_view stem, std::string_view comment,
                           std::string_view includes, std::uint32_t threads) {
  std::string rest =
      fmt::format("{}using namespace tendon;\nusing index = {};\n\nstruct Arguments {{\n", includes,
                  index_type_);
  for (const std::string& declaration : declarations_) rest += declaration + '\n';
  rest += "};\n\n";
  std::string body;
  for (const std::string& text : lines_) body += text + '\n';
  const std::uint64_t hash = XXH3_64bits((rest + body).data(), rest.size() + body.size());
  const std::string name = fmt::format("{}_{:016x}", stem, hash);
  return {name, fmt::format("// {}\n{}extern \"C\" __global__ void __launch_bounds__({})\n{}(const "
                            "__grid_constant__ Arguments a) {{\n{}}}\n",
                            comment, rest, threads, name, body)};
}

}  // namespace tendon::cuda
