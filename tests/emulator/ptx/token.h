// The words of PTX.
#pragma once

#include <cstdint>
#include <string_view>

#include "ptx/module.h"

namespace emulator::ptx {

struct Token {
  enum class Kind : std::uint8_t { word, number, string, mark, end };
  Kind kind = Kind::end;
  std::string_view text;  // a string without its quotes
  std::uint32_t line = 0;
  bool is(std::string_view wanted) const { return kind != Kind::string && text == wanted; }
};

// Reads tokens one after the other, with one of look-ahead. Words hold their dots: "add.rn.f32",
// ".reg", "%tid.x".
class Tokens {
 public:
  Tokens(std::string_view text, std::size_t begin, std::size_t end, std::uint32_t line);
  const Token& peek() const { return next_; }
  Token take();  // fails at the end
  bool take_if(std::string_view wanted);
  Token expect(std::string_view wanted);
  Token expect_word();
  std::int64_t expect_integer();                         // with its sign
  std::size_t offset() const { return begin_of_next_; }  // where the next token begins
  void skip_past(std::string_view wanted);
  // Goes on after the brace that closes the one just taken, and says where that stands.
  std::size_t skip_block();
  [[noreturn]] void fail(std::string_view wanted) const;

 private:
  void read();
  std::string_view text_;
  std::size_t at_, end_, begin_of_next_ = 0;
  std::uint32_t line_;
  Token next_;
};

// The value of 12, 0x1F, 077, 0b1, with U allowed at the end; ParseError where it is none.
std::int64_t integer_value(const Token& token);

// 0f3F800000, 0d3FF0000000000000, 1.5, 2e-3.
bool is_floating(const Token& token);
struct Floating {
  bool is_single;  // as 0f… is; its bits are those of a float
  std::uint64_t bits;
};
Floating floating_value(const Token& token, bool is_negative);

}  // namespace emulator::ptx
