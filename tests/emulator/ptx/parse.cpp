#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "ptx/token.h"

namespace emulator::ptx {
namespace {

struct TypeName {
  std::string_view word;
  Type type;
  std::uint32_t bytes;
};
constexpr std::array kTypes = {
    TypeName{"pred", Type::pred, 0},     TypeName{"b8", Type::b8, 1},
    TypeName{"u8", Type::u8, 1},         TypeName{"s8", Type::s8, 1},
    TypeName{"b16", Type::b16, 2},       TypeName{"u16", Type::u16, 2},
    TypeName{"s16", Type::s16, 2},       TypeName{"f16", Type::f16, 2},
    TypeName{"bf16", Type::bf16, 2},     TypeName{"b32", Type::b32, 4},
    TypeName{"u32", Type::u32, 4},       TypeName{"s32", Type::s32, 4},
    TypeName{"f32", Type::f32, 4},       TypeName{"u16x2", Type::u16x2, 4},
    TypeName{"s16x2", Type::s16x2, 4},   TypeName{"f16x2", Type::f16x2, 4},
    TypeName{"bf16x2", Type::bf16x2, 4}, TypeName{"b64", Type::b64, 8},
    TypeName{"u64", Type::u64, 8},       TypeName{"s64", Type::s64, 8},
    TypeName{"f64", Type::f64, 8},       TypeName{"b128", Type::b128, 16},
};

Type type_of_word(const Token& token) {
  const Type type = token.text.starts_with('.') ? type_named(token.text.substr(1)) : Type::none;
  if (type == Type::none)
    throw ParseError{token.line, "expected a type, found \"" + std::string(token.text) + '"'};
  return type;
}

void put(std::string& bytes, std::uint64_t value, std::uint32_t width) {
  for (std::uint32_t i = 0; i < width; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

// What a number in a list of initial values puts into a variable of that type.
std::uint64_t initial_bits(const Token& token, bool is_negative, Type type) {
  if (!is_floating(token)) {
    const std::int64_t value = integer_value(token);
    const auto bits = static_cast<std::uint64_t>(value);
    if (type == Type::f32 || type == Type::f64)
      throw ParseError{token.line, "an integer for a floating variable"};
    return is_negative ? 0 - bits : bits;
  }
  const Floating number = floating_value(token, is_negative);
  if (number.is_single && type == Type::f64) {
    const auto single = std::bit_cast<float>(static_cast<std::uint32_t>(number.bits));
    return std::bit_cast<std::uint64_t>(static_cast<double>(single));
  }
  if (!number.is_single && type == Type::f32)
    return std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(number.bits)));
  return number.bits;
}

constexpr int kMostDimensions = 32;
constexpr std::int64_t kMostAlign = 512;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 48;  // of a variable; no device has them

// "= { 1, 2, generic(x)+8 }" after a variable's name.
void read_initial(Tokens& tokens, Variable& variable) {
  const std::uint32_t width = std::max<std::uint32_t>(size_of(variable.type), 1);
  const auto one = [&] {
    const bool is_negative = tokens.take_if("-");
    const Token token = tokens.peek();
    if (token.kind == Token::Kind::number) {
      tokens.take();
      put(variable.initial, initial_bits(token, is_negative, variable.type), width);
      return;
    }
    Variable::Reference reference{variable.initial.size(), {}, 0, false};
    std::string_view symbol = tokens.expect_word().text;
    if (symbol == "generic") {
      tokens.expect("(");
      reference.is_generic = true;
      symbol = tokens.expect_word().text;
      tokens.expect(")");
    }
    reference.symbol = symbol;
    if (tokens.take_if("+")) reference.addend = tokens.expect_integer();
    variable.references.push_back(reference);
    put(variable.initial, 0, 8);
  };
  const auto list = [&](const auto& self, int depth) -> void {
    if (!tokens.take_if("{")) return one();
    if (depth == kMostDimensions) tokens.fail("no more dimensions");
    while (!tokens.take_if("}")) {
      self(self, depth + 1);
      tokens.take_if(",");
    }
  };
  list(list, 0);
  if (variable.bytes < variable.initial.size()) variable.bytes = variable.initial.size();
}

// What follows ".global": ".align 4 .b8 x[16] = {…}", up to its comma, parenthesis or semicolon.
Variable read_variable(Tokens& tokens, Space space) {
  Variable variable;
  variable.space = space;
  std::uint32_t vector = 1;
  for (;;) {
    const Token token = tokens.expect_word();
    if (token.is(".align")) {
      const std::int64_t align = tokens.expect_integer();
      if (align < 1 || align > kMostAlign || !std::has_single_bit(static_cast<unsigned>(align)))
        throw ParseError{token.line, "an alignment that is no power of two up to 512"};
      variable.align = static_cast<std::uint32_t>(align);
    } else if (token.is(".v2") || token.is(".v4")) {
      vector = token.is(".v2") ? 2 : 4;
    } else if (token.is(".ptr") || token.is(".global") || token.is(".shared") ||
               token.is(".const") || token.is(".local") || token.is(".attribute")) {
      if (token.is(".attribute")) {
        tokens.expect("(");
        while (!tokens.take_if(")")) variable.is_managed |= tokens.take().is(".managed");
      }
    } else if (token.text.starts_with('.')) {
      variable.type = type_of_word(token);
    } else {
      variable.name = token.text;
      break;
    }
    // The alignment of what a pointer points to: ".param .u64 .ptr .align 16 name".
  }
  if (size_of(variable.type) == 0) tokens.fail("a variable with a type in bytes");
  const std::uint32_t element = size_of(variable.type) * vector;
  variable.align = std::max(variable.align, element);
  variable.bytes = element;
  while (tokens.take_if("[")) {
    if (tokens.take_if("]")) {
      variable.bytes = 0;
    } else {
      const auto extent = static_cast<std::uint64_t>(tokens.expect_integer());
      if (extent > kMostBytes / std::max<std::uint64_t>(variable.bytes, 1))
        tokens.fail("an array that memory can hold");
      variable.bytes *= extent;
      tokens.expect("]");
    }
  }
  if (tokens.take_if("=")) read_initial(tokens, variable);
  return variable;
}

class BodyReader {
 public:
  BodyReader(const Module& module, Function& function)
      : function_(function),
        tokens_(module.text, function.body_begin, function.body_end, function.body_line),
        text_(module.text) {
    scopes_.emplace_back();
    for (std::uint32_t i = 0; i < function.variables.size(); ++i) {
      scopes_.back()[function.variables[i].name] = {true, i};
    }
  }

  void read() {
    while (tokens_.peek().kind != Token::Kind::end) statement();
    if (scopes_.size() != 1) tokens_.fail("}");
    function_.is_read = true;
  }

 private:
  struct Name {
    bool is_variable;
    std::uint32_t index;
  };
  struct Place {
    std::uint32_t file = 0, line = 0, column = 0;
    auto operator<=>(const Place&) const = default;
  };
  struct Numbered {  // %r<100>
    std::string_view prefix;
    std::uint32_t first, count;
  };

  void statement() {
    const Token& next = tokens_.peek();
    if (tokens_.take_if("{")) {
      scopes_.emplace_back();
    } else if (next.is("}")) {
      if (scopes_.size() == 1) tokens_.fail("a statement");
      tokens_.take();
      scopes_.pop_back();
    } else if (tokens_.take_if(";")) {
    } else if (next.text.starts_with('.') && next.kind == Token::Kind::word) {
      directive();
    } else {
      label_or_instruction();
    }
  }

  void directive() {
    const Token token = tokens_.take();
    if (token.is(".loc")) {
      const Place place = this->place();
      const SourceLine* caller = nullptr;
      if (tokens_.take_if(",")) {  // function_name $L__info+3, inlined_at 1 23 8
        tokens_.skip_past("inlined_at");
        caller = line_at(this->place());
      }
      function_.source_lines.push_back({place.file, place.line, caller});
      source_ = &function_.source_lines.back();
      line_at_[place] = source_;
    } else if (token.is(".reg")) {
      registers();
    } else if (token.is(".param") || token.is(".local") || token.is(".shared")) {
      const Space space = token.is(".param")   ? Space::parameter
                          : token.is(".local") ? Space::local
                                               : Space::shared;
      do {
        function_.variables.push_back(read_variable(tokens_, space));
        scopes_.back()[function_.variables.back().name] = {
            true, static_cast<std::uint32_t>(function_.variables.size() - 1)};
      } while (tokens_.take_if(","));
      tokens_.expect(";");
    } else if (token.is(".pragma")) {
      tokens_.skip_past(";");
    } else {
      throw ParseError{token.line, "\"" + std::string(token.text) + "\" is not known here"};
    }
  }

  Place place() {
    Place place;
    for (std::uint32_t* part : {&place.file, &place.line, &place.column})
      *part = static_cast<std::uint32_t>(tokens_.expect_integer());
    return place;
  }

  // What an inlined_at names has had a .loc of its own, which says what that was inlined into.
  const SourceLine* line_at(const Place& place) {
    const SourceLine*& known = line_at_[place];
    if (known == nullptr) {
      function_.source_lines.push_back({place.file, place.line, nullptr});
      known = &function_.source_lines.back();
    }
    return known;
  }

  void registers() {
    const Type type = type_of_word(tokens_.expect_word());
    do {
      const Token name = tokens_.expect_word();
      const auto first = static_cast<std::uint32_t>(function_.registers.size());
      std::uint32_t count = 1;
      if (tokens_.take_if("<")) {
        const std::int64_t wanted = tokens_.expect_integer();
        if (wanted < 0 || wanted > 1'000'000)
          throw ParseError{name.line, "more registers than there can be"};
        count = static_cast<std::uint32_t>(wanted);
        tokens_.expect(">");
        numbered_.push_back({name.text, first, count});
      } else {
        scopes_.back()[name.text] = {false, first};
      }
      function_.registers.resize(first + count, {type});
    } while (tokens_.take_if(","));
    tokens_.expect(";");
  }

  void label_or_instruction() {
    const std::size_t begin = tokens_.offset();
    Instruction instruction;
    instruction.line = tokens_.peek().line;
    if (tokens_.take_if("@")) {
      instruction.has_guard = true;
      const bool is_negated = tokens_.take_if("!");
      instruction.guard = operand();
      instruction.guard.is_negated = is_negated;
    }
    const Token opcode = tokens_.expect_word();
    if (!instruction.has_guard && tokens_.take_if(":")) {
      label(opcode);
      return;
    }
    instruction.opcode = opcode.text;
    instruction.source = source_;
    while (!tokens_.peek().is(";")) {
      instruction.operands.push_back(operand());
      if (tokens_.take_if("|")) instruction.operands.push_back(operand());
      if (!tokens_.take_if(",") && !tokens_.peek().is(";")) tokens_.fail("\",\" or \";\"");
    }
    instruction.text = text_.substr(begin, tokens_.offset() + 1 - begin);
    tokens_.take();
    function_.body.push_back(std::move(instruction));
  }

  void label(const Token& name) {
    const bool is_new =
        function_.labels.emplace(name.text, static_cast<std::uint32_t>(function_.body.size()))
            .second;
    if (!is_new)
      throw ParseError{name.line, "the label " + std::string(name.text) + " stands twice"};
    if (tokens_.take_if(".branchtargets")) {
      auto& targets = function_.branch_targets[name.text];
      do targets.push_back(tokens_.expect_word().text);
      while (tokens_.take_if(","));
      tokens_.expect(";");
    } else if (tokens_.peek().is(".callprototype") || tokens_.peek().is(".calltargets")) {
      tokens_.skip_past(";");
    }
  }

  Operand named(const Token& token) {
    Operand operand;
    operand.name = token.text;
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      const auto found = scope->find(token.text);
      if (found == scope->end()) continue;
      operand.kind = found->second.is_variable ? Operand::Kind::variable : Operand::Kind::reg;
      operand.index = found->second.index;
      return operand;
    }
    if (token.is("_")) return operand;
    if (token.text.starts_with('%') || token.is("WARP_SZ")) {
      for (const Numbered& numbered : numbered_) {
        if (!token.text.starts_with(numbered.prefix)) continue;
        const std::string_view digits = token.text.substr(numbered.prefix.size());
        std::uint32_t number = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc{} || end != digits.data() + digits.size() ||
            number >= numbered.count)
          continue;
        operand.kind = Operand::Kind::reg;
        operand.index = numbered.first + number;
        return operand;
      }
      operand.kind = Operand::Kind::special;
      return operand;
    }
    operand.kind = Operand::Kind::symbol;
    return operand;
  }

  std::vector<Operand> list_until(std::string_view close) {
    std::vector<Operand> elements;
    while (!tokens_.take_if(close)) {
      elements.push_back(scalar());
      if (!tokens_.take_if(",") && !tokens_.peek().is(close)) tokens_.fail(close);
    }
    return elements;
  }

  Operand operand() {
    Operand result;
    if (tokens_.take_if("{")) {
      result.kind = Operand::Kind::vector;
      result.elements = list_until("}");
    } else if (tokens_.take_if("(")) {
      result.kind = Operand::Kind::group;
      result.elements = list_until(")");
    } else if (tokens_.take_if("[")) {
      result.kind = Operand::Kind::address;
      if (tokens_.peek().kind == Token::Kind::word) {
        result.elements.push_back(named(tokens_.take()));
        result.value = addend();
      } else {
        result.value = tokens_.expect_integer();
      }
      tokens_.expect("]");
    } else {
      result = scalar();
    }
    return result;
  }

  // A name, with "!" before it or a number added, or a number.
  Operand scalar() {
    const bool is_negated = tokens_.take_if("!");
    if (tokens_.peek().kind == Token::Kind::word) {
      Operand result = named(tokens_.take());
      result.is_negated = is_negated;
      result.value = addend();
      return result;
    }
    const bool is_negative = tokens_.take_if("-");
    const Token token = tokens_.peek();
    if (token.kind != Token::Kind::number || is_negated) tokens_.fail("an operand");
    tokens_.take();
    Operand result;
    if (is_floating(token)) {
      const Floating number = floating_value(token, is_negative);
      result.kind = number.is_single ? Operand::Kind::f32 : Operand::Kind::f64;
      result.value = static_cast<std::int64_t>(number.bits);
    } else {
      const auto bits = static_cast<std::uint64_t>(integer_value(token));
      result.kind = Operand::Kind::integer;
      result.value = static_cast<std::int64_t>(is_negative ? 0 - bits : bits);
    }
    return result;
  }

  // "+8", "-8", "+-8", or nothing.
  std::int64_t addend() {
    if (!tokens_.take_if("+") && !tokens_.peek().is("-")) return 0;
    return tokens_.expect_integer();
  }

  Function& function_;
  Tokens tokens_;
  std::string_view text_;
  std::vector<std::unordered_map<std::string_view, Name>> scopes_;
  std::vector<Numbered> numbered_;
  const SourceLine* source_ = nullptr;
  std::map<Place, const SourceLine*> line_at_;
};

// The declarations of a module.
class ModuleReader {
 public:
  explicit ModuleReader(Module& module)
      : module_(module), tokens_(module.text, 0, module.text.size(), 1) {}

  void read() {
    tokens_.expect(".version");
    version();
    tokens_.expect(".target");
    target();
    while (tokens_.peek().kind != Token::Kind::end) declaration();
  }

 private:
  void declaration() {
    const Token token = tokens_.take();
    if (token.is(".address_size")) {
      if (tokens_.expect_integer() != 64)
        throw ParseError{token.line, "only 64-bit addresses are known"};
    } else if (token.is(".file")) {
      const auto key = static_cast<std::uint32_t>(tokens_.expect_integer());
      module_.files[key] = std::string(tokens_.take().text);
      while (tokens_.take_if(",")) tokens_.expect_integer();
    } else if (token.is(".section")) {
      tokens_.skip_past("{");
      tokens_.skip_block();
    } else if (token.is(".extern") || token.is(".visible") || token.is(".weak") ||
               token.is(".common")) {
      is_extern_ = token.is(".extern");
    } else if (token.is(".global") || token.is(".const") || token.is(".shared")) {
      const Space space = token.is(".global")  ? Space::global
                          : token.is(".const") ? Space::constant
                                               : Space::shared;
      do {
        module_.variables.push_back(read_variable(tokens_, space));
        module_.variables.back().is_extern = is_extern_;
      } while (tokens_.take_if(","));
      tokens_.expect(";");
      is_extern_ = false;
    } else if (token.is(".entry") || token.is(".func")) {
      function(token.is(".entry"));
      is_extern_ = false;
    } else if (token.is(".alias") || token.is(".pragma")) {
      tokens_.skip_past(";");
    } else if (!token.is(";")) {
      throw ParseError{token.line,
                       "expected a declaration, found \"" + std::string(token.text) + '"'};
    }
  }

  void version() {  // 9.0
    const Token token = tokens_.take();
    const char* const end = token.text.data() + token.text.size();
    const auto [dot, error] = std::from_chars(token.text.data(), end, module_.version.major);
    if (error == std::errc{} && dot != end && *dot == '.') {
      const auto [last, failed] = std::from_chars(dot + 1, end, module_.version.minor);
      if (failed == std::errc{} && last == end) return;
    }
    throw ParseError{token.line, "\"" + std::string(token.text) + "\" is no version of PTX"};
  }

  void target() {  // sm_90, and what it may be followed by
    const Token token = tokens_.expect_word();
    module_.target = token.text;
    while (tokens_.take_if(",")) tokens_.expect_word();
  }

  std::vector<std::uint32_t> parameters(Function& function) {
    std::vector<std::uint32_t> indices;
    if (!tokens_.take_if("(")) return indices;
    while (!tokens_.take_if(")")) {
      const Token kind = tokens_.expect_word();
      if (!kind.is(".param")) throw ParseError{kind.line, "expected .param"};
      indices.push_back(static_cast<std::uint32_t>(function.variables.size()));
      function.variables.push_back(read_variable(tokens_, Space::parameter));
      tokens_.take_if(",");
    }
    return indices;
  }

  void function(bool is_entry) {
    Function function;
    function.is_entry = is_entry;
    function.results = is_entry ? std::vector<std::uint32_t>{} : parameters(function);
    const Token name = tokens_.expect_word();
    function.name = name.text;
    function.line = name.line;
    function.parameters = parameters(function);
    for (;;) {
      if (tokens_.take_if(";")) break;
      if (tokens_.peek().is("{")) {
        tokens_.take();
        function.has_body = true;
        function.body_begin = tokens_.offset();
        function.body_line = tokens_.peek().line;
        function.body_end = tokens_.skip_block();
        break;
      }
      const Token directive = tokens_.expect_word();
      if (directive.is(".maxntid") || directive.is(".reqntid")) {
        function.most_threads = 1;
        do function.most_threads *= static_cast<std::uint32_t>(tokens_.expect_integer());
        while (tokens_.take_if(","));
      } else {
        while (tokens_.peek().kind == Token::Kind::number || tokens_.peek().is(",")) tokens_.take();
      }
    }
    // A declaration before the definition gives way to it.
    Function& known = module_.functions[function.name];
    if (!known.has_body) known = std::move(function);
  }

  Module& module_;
  Tokens tokens_;
  bool is_extern_ = false;
};

}  // namespace

Type type_named(std::string_view word) {
  const auto found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return t.word == word; });
  return found == kTypes.end() ? Type::none : found->type;
}

std::uint32_t size_of(Type type) {
  const auto found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return t.type == type; });
  return found == kTypes.end() ? 0 : found->bytes;
}

Module parse(std::string text) {
  Module module;
  module.text = std::move(text);
  // Views into a short string would not survive a move of the module.
  module.text.reserve(64);
  ModuleReader(module).read();
  return module;
}

void parse_body(Module& module, Function& function) {
  if (!function.is_read && function.has_body) BodyReader(module, function).read();
}

}  // namespace emulator::ptx
