// Writes a kernel: its argument's fields as they are asked for, and its lines.
#pragma once

#include <fmt/format.h>

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cuda/generate.h"

namespace tendon::cuda {

// The type of a dtype's elements in memory, and of values in registers: f16 and bf16 are computed
// with as f32.
std::string_view stored_type(DType dtype);
std::string_view value_type(DType dtype);

// An element in memory as a value, and back.
std::string value_of(DType dtype, std::string_view element);
std::string stored_as(DType dtype, std::string_view value);

class Emitter {
 public:
  explicit Emitter(bool has_wide_indices) : index_type_(has_wide_indices ? "i64" : "u32") {}

  // Each gives the expression of the field, "a.x3".
  std::string address(Ref value, DType dtype, bool is_written);
  std::string arena(std::string_view stem, std::int64_t offset, std::string_view type);
  std::string number(Ref op, DType dtype);  // of a constant, or an op's parameter
  std::string uniform(Ref value, DType dtype);
  std::string key(Ref op, int half);
  std::string fault(Ref op);
  std::string word(std::string_view stem, std::int64_t value);  // an index
  std::string divisor(std::int64_t value);                      // for fast division

  // An array of `count` elements with these fields, in their order.
  void array(std::string_view type, std::string_view name, std::size_t count,
             std::span<const Field> fields);

  template <class... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    lines_.push_back(std::string(2 * depth_, ' ') +
                     fmt::format(format, std::forward<Arguments>(arguments)...));
  }
  void open(std::string_view text);  // "for (…) {"
  void turn(std::string_view text);  // "} else {"
  void close(std::string_view text = "}");

  // What a function and the structure of its argument are made of, where it is none of the kernel's
  // own: the declarations of the fields, and the lines.
  std::string declarations() const;
  std::string lines() const;
  // Text in front of the argument's.
  void define(std::string_view text) { definitions_ += text; }

  // The whole text: `comment`, in a line or more, first; the function's name is `stem` and a hash
  // of the rest.
  KernelText finish(std::string_view stem, std::string_view comment, std::string_view includes,
                    std::uint32_t threads, int resident_blocks = 0);
  std::vector<Field> take_fields() { return std::move(fields_); }

 private:
  std::string add(std::string_view type, const std::string& name, Field field);
  std::string index_type_;
  std::vector<std::pair<std::string, std::string>> declarations_;  // type, name
  std::vector<Field> fields_;
  std::vector<std::string> lines_;
  std::string definitions_;
  std::size_t depth_ = 1;
  std::map<std::pair<std::uint32_t, bool>, std::string> addresses_;
  std::map<std::uint32_t, std::string> numbers_;  // and uniforms
  int word_count_ = 0;
};

}  // namespace tendon::cuda
