#include "ptx/token.h"

#include <bit>
#include <charconv>
#include <string>

namespace emulator::ptx {
namespace {

bool is_word_begin(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%' ||
         c == '.';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return (is_word_begin(c) && c != '%') || is_digit(c); }

bool has_prefix(std::string_view number, char letter) {
  return number.size() > 1 && number[0] == '0' && (number[1] | 0x20) == letter;
}

// Whether a number that is read so far goes on with a sign: "1.5e" does.
bool takes_sign(std::string_view number) {
  return (number.back() | 0x20) == 'e' &&
         number.find_first_not_of("0123456789.") == number.size() - 1;
}

}  // namespace

Tokens::Tokens(std::string_view text, std::size_t begin, std::size_t end, std::uint32_t line)
    : text_(text), at_(begin), end_(end), line_(line) {
  read();
}

void Tokens::read() {
  for (;;) {
    while (at_ < end_ &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      line_ += text_[at_] == '\n';
      ++at_;
    }
    if (text_.substr(at_, 2) == "//" && at_ < end_) {
      while (at_ < end_ && text_[at_] != '\n') ++at_;
    } else if (text_.substr(at_, 2) == "/*" && at_ < end_) {
      const std::size_t close = text_.find("*/", at_ + 2);
      if (close == std::string_view::npos) throw ParseError{line_, "a comment is not closed"};
      for (; at_ < close + 2; ++at_) line_ += text_[at_] == '\n';
    } else {
      break;
    }
  }
  begin_of_next_ = at_;
  next_ = {Token::Kind::end, {}, line_};
  if (at_ >= end_) return;
  const std::size_t begin = at_;
  const char c = text_[at_];
  if (c == '"') {
    const std::size_t close = text_.find('"', at_ + 1);
    if (close == std::string_view::npos || close >= end_)
      throw ParseError{line_, "a string is not closed"};
    next_ = {Token::Kind::string, text_.substr(begin + 1, close - begin - 1), line_};
    at_ = close + 1;
    return;
  }
  if (is_digit(c) || (c == '.' && at_ + 1 < end_ && is_digit(text_[at_ + 1]))) {
    do ++at_;
    while (at_ < end_ && (is_word(text_[at_]) || ((text_[at_] == '+' || text_[at_] == '-') &&
                                                  takes_sign(text_.substr(begin, at_ - begin)))));
    next_.kind = Token::Kind::number;
  } else if (is_word_begin(c)) {
    ++at_;
    // "::" stands inside of words such as "ld.global.L2::128B". A directive ends where the next
    // begins: ".reg.b32".
    while (at_ < end_ && !(c == '.' && text_[at_] == '.') &&
           (is_word(text_[at_]) || text_.substr(at_, 2) == "::" ||
            (text_[at_] == ':' && text_[at_ - 1] == ':'))) {
      ++at_;
    }
    next_.kind = Token::Kind::word;
  } else {
    ++at_;
    next_.kind = Token::Kind::mark;
  }
  next_.text = text_.substr(begin, at_ - begin);
}

Token Tokens::take() {
  if (next_.kind == Token::Kind::end) fail("more");
  const Token taken = next_;
  read();
  return taken;
}

bool Tokens::take_if(std::string_view wanted) {
  if (!next_.is(wanted)) return false;
  read();
  return true;
}

Token Tokens::expect(std::string_view wanted) {
  if (!next_.is(wanted)) fail(wanted);
  return take();
}

Token Tokens::expect_word() {
  if (next_.kind != Token::Kind::word) fail("a name");
  return take();
}

std::int64_t Tokens::expect_integer() {
  const bool is_negative = take_if("-");
  if (next_.kind != Token::Kind::number) fail("a number");
  const std::int64_t value = integer_value(take());
  return is_negative ? static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(value)) : value;
}

void Tokens::skip_past(std::string_view wanted) {
  while (!take_if(wanted)) {
    if (next_.kind == Token::Kind::end) fail(wanted);
    take();
  }
}

std::size_t Tokens::skip_block() {
  for (int depth = 1;;) {
    const std::size_t here = begin_of_next_;
    if (next_.kind == Token::Kind::end) throw ParseError{line_, "a brace is not closed"};
    const Token token = take();
    depth += token.is("{") - token.is("}");
    if (depth == 0) return here;
  }
}

void Tokens::fail(std::string_view wanted) const {
  const std::string found =
      next_.kind == Token::Kind::end ? "the end of the text" : '"' + std::string(next_.text) + '"';
  throw ParseError{next_.line, "expected " + std::string(wanted) + ", found " + found};
}

std::int64_t integer_value(const Token& token) {
  std::string_view digits = token.text;
  if (!digits.empty() && digits.back() == 'U') digits.remove_suffix(1);
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.starts_with("0b") || digits.starts_with("0B")) {
    base = 2;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    throw ParseError{token.line, "\"" + std::string(token.text) + "\" is no integer"};
  }
  return static_cast<std::int64_t>(value);
}

bool is_floating(const Token& token) {
  const std::string_view text = token.text;
  if (token.kind != Token::Kind::number || has_prefix(text, 'x') || has_prefix(text, 'b'))
    return false;
  return has_prefix(text, 'f') || has_prefix(text, 'd') ||
         text.find_first_of(".eE") != std::string_view::npos;
}

Floating floating_value(const Token& token, bool is_negative) {
  const auto read = [&](std::string_view digits, auto& value, auto... format) {
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, value, format...);
    if (error != std::errc{} || end != last)
      throw ParseError{token.line, "\"" + std::string(token.text) + "\" is no floating number"};
  };
  const bool is_single = has_prefix(token.text, 'f');
  std::uint64_t bits = 0;
  if (is_single || has_prefix(token.text, 'd')) {
    if (token.text.size() != (is_single ? 10u : 18u))
      throw ParseError{token.line,
                       "\"" + std::string(token.text) + "\" has too few or many digits"};
    read(token.text.substr(2), bits, 16);
  } else {
    double value = 0;
    read(token.text, value);
    bits = std::bit_cast<std::uint64_t>(value);
  }
  if (is_negative) bits ^= std::uint64_t{1} << (is_single ? 31 : 63);
  return {is_single, bits};
}

}  // namespace emulator::ptx
