// A PTX text as it stands: declarations, and the statements of its functions. Nothing is resolved
// beyond names; machine/decode.h makes it executable. All views point into the text.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace emulator::ptx {

// What an operand or a variable is made of. b16 and the like are bits without a meaning.
enum class Type : std::uint8_t {
  none,
  pred,
  b8,
  u8,
  s8,
  b16,
  u16,
  s16,
  f16,
  bf16,
  b32,
  u32,
  s32,
  f32,
  u16x2,
  s16x2,
  f16x2,
  bf16x2,
  b64,
  u64,
  s64,
  f64,
  b128,
};
// none for a word that is no type; the word is without its dot.
Type type_named(std::string_view word);
std::uint32_t size_of(Type type);  // bytes; 0 for none and pred

enum class Space : std::uint8_t { generic, parameter, local, shared, global, constant };

struct Variable {
  std::string_view name;
  Space space = Space::generic;
  Type type = Type::none;
  std::uint32_t align = 1;
  std::uint64_t bytes = 0;
  bool is_extern = false;
  bool is_managed = false;
  struct Reference {  // an initial value that is another variable's address
    std::uint64_t offset;
    std::string_view symbol;
    std::int64_t addend;
    bool is_generic;
  };
  std::string initial;  // its first bytes, the rest being zero
  std::vector<Reference> references;
};

struct Register {
  Type type = Type::none;
};

struct Operand {
  enum class Kind : std::uint8_t {
    reg,       // `index` in Function::registers
    special,   // %tid.x, WARP_SZ: `name`
    integer,   // `value`
    f32,       // `value`: the bits of 0f3F800000
    f64,       // the bits of 0d3FF0000000000000
    variable,  // `index` in Function::variables; `value` added
    symbol,    // a name of the module, or a label; `value` added
    sink,      // _
    vector,    // `elements`
    address,   // [base + value], base in `elements`; no base: an absolute address
    group,     // ( … ) of a call: `elements`
  };
  Kind kind = Kind::sink;
  bool is_negated = false;  // !%p
  std::uint32_t index = 0;
  std::int64_t value = 0;
  std::string_view name;
  std::vector<Operand> elements;
};

struct SourceLine {
  std::uint32_t file = 0;  // a key of Module::files
  std::uint32_t line = 0;
  const SourceLine* caller = nullptr;  // where the function that it stands in was inlined
};

struct Instruction {
  std::string_view opcode;             // "ld.global.v2.u32"
  std::string_view text;               // the statement
  std::uint32_t line = 0;              // in the PTX text, from 1
  const SourceLine* source = nullptr;  // in Function::source_lines; null without -lineinfo
  bool has_guard = false;
  Operand guard;
  std::vector<Operand> operands;  // "d|p" is two
};

// The body of a function, read when it is first asked for.
struct Function {
  std::string_view name;
  std::uint32_t line = 0;  // where its name stands
  bool is_entry = false;
  bool has_body = false;
  std::vector<std::uint32_t> results, parameters;  // indices in variables
  std::uint32_t most_threads = 0;  // .maxntid or .reqntid, as a product; 0 where none
  std::vector<Register> registers;
  std::vector<Variable> variables;  // parameters, and what the body declares
  std::vector<Instruction> body;
  std::deque<SourceLine> source_lines;
  std::unordered_map<std::string_view, std::uint32_t> labels;  // index in body
  std::unordered_map<std::string_view, std::vector<std::string_view>> branch_targets;
  std::size_t body_begin = 0, body_end = 0;  // in the text, braces left out
  std::uint32_t body_line = 1;
  bool is_read = false;
};

struct Version {
  std::uint32_t major = 0, minor = 0;
  auto operator<=>(const Version&) const = default;
};

struct Module {
  std::string text;
  Version version;          // of the language
  std::string_view target;  // "sm_90"
  std::vector<Variable> variables;
  std::map<std::string_view, Function> functions;
  std::map<std::uint32_t, std::string> files;
};

// What cannot be read, with its line.
struct ParseError {
  std::uint32_t line;
  std::string what;
};

// Reads the declarations. Throws ParseError.
Module parse(std::string text);
// Reads the function's body, unless it was.
void parse_body(Module& module, Function& function);

}  // namespace emulator::ptx
