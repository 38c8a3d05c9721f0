// From the text of an instruction to the step that executes it. Each file of steps_*.cpp knows the
// instructions of one kind, and offers one function that takes an instruction if it is of its kind.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "machine/kernel.h"

namespace emulator {

// An instruction or operand that the emulator does not know.
struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One instruction while it is decoded: its opcode taken apart, and its operands as slots.
class Decoding {
 public:
  // How operands become slots: the decoder of a kernel, which knows registers and variables.
  class Operands {
   public:
    virtual ~Operands() = default;
    // A register's slot, or that of a literal of `width` bytes (0: a predicate).
    virtual Slot source(const ptx::Operand& operand, Type type) = 0;
    virtual Slot destination(const ptx::Operand& operand, std::uint32_t width) = 0;
    virtual std::uint32_t register_width(
        const ptx::Operand& operand) = 0;  // bytes; 0 for a literal
    // An address: its base in s[0] of the step (64-bit slots), what is added in `immediate`, its
    // space.
    virtual void address(const ptx::Operand& operand, Space space, Step& step) = 0;
    virtual std::uint32_t add_list(const std::vector<std::uint32_t>& slots) = 0;
  };

  Decoding(const ptx::Instruction& instruction, Operands& operands, Step& step);

  std::string_view base() const { return words_[0]; }  // "ld"
  bool has(std::string_view modifier) const;           // "nc"
  const std::vector<std::string_view>& words() const { return words_; }
  Type type(std::size_t index = 0) const;  // the first, second… type among the modifiers
  std::size_t type_count() const { return types_.size(); }
  Type last_type() const;
  const ptx::Operand& operand(std::size_t index) const;
  std::size_t operand_count() const { return instruction_.operands.size(); }
  Operands& operands() { return operands_; }
  Step& step() { return step_; }
  // Operand 0 as the destination of that many bytes, the others as sources of that type.
  void destination(std::uint32_t width, std::size_t index = 0);
  void source(std::size_t slot, std::size_t index, Type type);
  void sources(Type type, std::size_t first = 1);
  // The modifiers of floating instructions: rounding, .ftz, .sat.
  void floating_modifiers();
  void runs(InstructionClass instruction_class, Run run);
  [[noreturn]] void unsupported() const;

 private:
  const ptx::Instruction& instruction_;
  Operands& operands_;
  Step& step_;
  std::vector<std::string_view> words_;
  std::vector<Type> types_;
};

// Each gives false for an instruction that is not of its kind.
bool decode_integer(Decoding& d);
bool decode_bits(Decoding& d);
bool decode_floating(Decoding& d);
bool decode_half(Decoding& d);
bool decode_compare(Decoding& d);
bool decode_convert(Decoding& d);
bool decode_access(Decoding& d);
bool decode_copy(Decoding& d);
bool decode_mbarrier(Decoding& d);
bool decode_atomic(Decoding& d);
bool decode_warp(Decoding& d);
bool decode_other(Decoding& d);
// Whether the instruction may have that many operands (d|p being two): what a file of steps_*.cpp
// then asks for is there. True for one that no table has.
bool takes(const Decoding& d, std::size_t operand_count);
// A call of a function that the device's side of the toolkit has: printf, assert, graph conditions.
// Step::list holds where its result and parameters lie in local memory.
bool decode_system_call(Decoding& d, std::string_view function);

// An instruction that the assembler would refuse too: throws ModuleError. One that the emulator
// does not know becomes a step that says so when it is executed. `address_of` gives a module
// variable's address.
using AddressOf = std::function<const Variable*(std::string_view)>;
std::unique_ptr<Kernel> decode(ptx::Module& module, ptx::Function& entry,
                               const AddressOf& address_of);

}  // namespace emulator
