#include "host/cuda/emitter.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>

namespace tendon::cuda {

namespace {

constexpr std::size_t kColumns = 100;

// The words in lines, each a comment.
std::string as_comment(std::string_view words) {
  std::string text = "//";
  std::size_t width = text.size();
  while (!words.empty()) {
    const std::string_view word = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    if (width + 1 + word.size() > kColumns) {
      text += "\n//";
      width = 2;
    }
    text += fmt::format(" {}", word);
    width += 1 + word.size();
  }
  return text + '\n';
}

}  // namespace

std::uint64_t number_word(double number, DType dtype) {
  if (dtype == DType::f64) return std::bit_cast<std::uint64_t>(number);
  auto value = static_cast<float>(number);
  if (dtype == DType::f16) value = half(number);
  if (dtype == DType::bf16) value = bfloat16(number);
  return std::bit_cast<std::uint32_t>(value);
}

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

std::string value_of(DType dtype, std::string_view element) {
  if (stored_type(dtype) == value_type(dtype)) return std::string(element);
  return fmt::format("value_of({})", element);
}

std::string stored_as(DType dtype, std::string_view value) {
  if (stored_type(dtype) == value_type(dtype)) return std::string(value);
  return fmt::format("stored_as<{}>({})", stored_type(dtype), value);
}

std::string Emitter::add(std::string_view type, const std::string& name, Field field) {
  declarations_.emplace_back(type, name);
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

// Floating numbers are operands as they lie in the argument: no register holds them.
std::string Emitter::number(Ref op, DType dtype) {
  const std::string_view type = value_type(dtype);
  const bool is_given = is_floating(dtype);
  auto [found, is_new] = numbers_.try_emplace(op.id);
  if (is_new) {
    found->second = add(is_given ? type : "f64", fmt::format("number{}", numbers_.size() - 1),
                        {Field::Kind::number, op, 0, is_given ? dtype : DType::f64});
  }
  return is_given ? found->second : fmt::format("op::cast<{}>({})", type, found->second);
}

std::string Emitter::uniform(Ref value, DType dtype) {
  auto [found, is_new] = numbers_.try_emplace(value.id);
  if (is_new) {
    found->second = add(value_type(dtype), fmt::format("number{}", numbers_.size() - 1),
                        {Field::Kind::uniform, value, 0, dtype});
  }
  return found->second;
}

std::string Emitter::key(Ref op, int half) {
  return add("u64", fmt::format("key{}", word_count_++),
             {Field::Kind::key, op, static_cast<std::uint64_t>(half)});
}

std::string Emitter::fault(Ref op) {
  return add("IndexFault*", "fault", {Field::Kind::fault, op, 0});
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

void Emitter::array(std::string_view type, std::string_view name, std::size_t count,
                    std::span<const Field> fields) {
  declarations_.emplace_back(type, fmt::format("{}[{}]", name, count));
  fields_.insert(fields_.end(), fields.begin(), fields.end());
}

void Emitter::open(std::string_view text) {
  line("{}", text);
  ++depth_;
}

void Emitter::turn(std::string_view text) {
  --depth_;
  line("{}", text);
  ++depth_;
}

void Emitter::close(std::string_view text) {
  --depth_;
  line("{}", text);
}

KernelText Emitter::finish(std::string_view stem, std::string_view comment,
                           std::string_view includes, std::uint32_t threads, int resident_blocks) {
  const std::string rest = fmt::format(
      "{}using namespace tendon;\nusing index = {};\n\n{}struct Arguments {{\n{}}};\n\n", includes,
      index_type_, definitions_, declarations());
  const std::string body = lines();
  const std::uint64_t hash = XXH3_64bits((rest + body).data(), rest.size() + body.size());
  const std::string name = fmt::format("{}_{:016x}", stem, hash);
  const std::string bounds = resident_blocks == 0 ? fmt::format("{}", threads)
                                                  : fmt::format("{}, {}", threads, resident_blocks);
  return {name,
          fmt::format("{}{}extern \"C\" __global__ void __launch_bounds__({})\n{}(const "
                      "__grid_constant__ Arguments a) {{\n{}}}\n",
                      as_comment(comment), rest, bounds, name, body),
          resident_blocks};
}

// Each field is a word of 8 bytes. Neighbours of one type share a line.
std::string Emitter::declarations() const {
  std::string text;
  std::size_t width = 0;
  std::string_view before;
  for (const auto& [type, name] : declarations_) {
    const bool is_pointer = type.ends_with('*');
    const bool is_narrow = type == "f32" || type == "i32" || type == "boolean";
    const std::string_view pointed = std::string_view(type).substr(0, type.size() - is_pointer);
    const std::string declarator = is_pointer ? "*" + name : name;
    if (type == before && width + declarator.size() + 3 <= kColumns) {
      text += ", " + declarator;
      width += declarator.size() + 2;
    } else {
      const std::string line =
          fmt::format("  {}{} {}", is_narrow ? "alignas(8) " : "", pointed, declarator);
      text += (before.empty() ? "" : ";\n") + line;
      width = line.size();
    }
    before = type;
  }
  return text + (before.empty() ? "" : ";\n");
}

std::string Emitter::lines() const {
  std::string text;
  for (const std::string& line : lines_) text += line + '\n';
  return text;
}

}  // namespace tendon::cuda
