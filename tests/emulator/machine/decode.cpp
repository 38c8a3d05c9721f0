#include "machine/decode.h"

#include <cxxabi.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>

namespace emulator {
namespace {

constexpr std::size_t kMostSteps = 4'000'000;
constexpr std::size_t kMostCallers = 1000;

std::vector<std::string_view> split(std::string_view opcode) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t dot = opcode.find('.');
    words.push_back(opcode.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    opcode.remove_prefix(dot + 1);
  }
}

std::string demangled(const std::string& name) {
  if (!name.starts_with("_Z")) return name;  // "f" would be float
  int status = 0;
  char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string shown = status == 0 ? text : name;
  std::free(text);
  return shown;
}

std::uint32_t aligned(std::uint32_t offset, std::uint32_t align) {
  return (offset + align - 1) / align * align;
}

std::string hexadecimal(std::uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

struct SpecialName {
  std::string_view word;
  Special special;
};
constexpr SpecialName kSpecials[] = {
    {"%tid.x", Special::tid_x},
    {"%tid.y", Special::tid_y},
    {"%tid.z", Special::tid_z},
    {"%ntid.x", Special::ntid_x},
    {"%ntid.y", Special::ntid_y},
    {"%ntid.z", Special::ntid_z},
    {"%ctaid.x", Special::ctaid_x},
    {"%ctaid.y", Special::ctaid_y},
    {"%ctaid.z", Special::ctaid_z},
    {"%nctaid.x", Special::nctaid_x},
    {"%nctaid.y", Special::nctaid_y},
    {"%nctaid.z", Special::nctaid_z},
    {"%laneid", Special::laneid},
    {"%warpid", Special::warpid},
    {"%nwarpid", Special::nwarpid},
    {"%smid", Special::smid},
    {"%nsmid", Special::nsmid},
    {"%gridid", Special::gridid},
    {"%lanemask_eq", Special::lanemask_eq},
    {"%lanemask_le", Special::lanemask_le},
    {"%lanemask_lt", Special::lanemask_lt},
    {"%lanemask_ge", Special::lanemask_ge},
    {"%lanemask_gt", Special::lanemask_gt},
    {"%dynamic_smem_size", Special::dynamic_smem_size},
    {"%total_smem_size", Special::total_smem_size},
    // What cooperative groups read there.
    {"%envreg1", Special::grid_workspace_high},
    {"%envreg2", Special::grid_workspace_low},
    // A launch has clusters of one block.
    {"%cluster_ctaid.x", Special::zero},
    {"%cluster_ctaid.y", Special::zero},
    {"%cluster_ctaid.z", Special::zero},
    {"%cluster_nctaid.x", Special::one},
    {"%cluster_nctaid.y", Special::one},
    {"%cluster_nctaid.z", Special::one},
    {"%cluster_ctarank", Special::zero},
    {"%cluster_nctarank", Special::one},
    {"%clusterid.x", Special::ctaid_x},
    {"%clusterid.y", Special::ctaid_y},
    {"%clusterid.z", Special::ctaid_z},
    {"%nclusterid.x", Special::nctaid_x},
    {"%nclusterid.y", Special::nctaid_y},
    {"%nclusterid.z", Special::nctaid_z},
};

// How those begin that PTX has and the emulator lacks.
constexpr std::string_view kOtherSpecials[] = {"%tid",
                                               "%ntid",
                                               "%ctaid",
                                               "%nctaid",
                                               "%is_explicit_cluster",
                                               "%clusterid",
                                               "%nclusterid",
                                               "%cluster_ctaid",
                                               "%cluster_nctaid",
                                               "%clock",
                                               "%pm",
                                               "%envreg",
                                               "%globaltimer",
                                               "%reserved_smem_offset",
                                               "%aggr_smem_size",
                                               "%current_graph_exec"};

// A function where it is called: its registers and variables have places of their own.
struct Frame {
  const ptx::Function* function = nullptr;
  std::vector<Slot> registers;  // of each register, kNoSlot until used
  std::vector<std::int64_t>
      variables;                 // offset of each local, parameter or shared variable; -1 unset
  std::uint32_t first_step = 0;  // of its body
  std::vector<std::uint32_t> step_of;  // of each instruction
  struct Jump {
    std::uint32_t step;
    std::string_view label;
    std::uint32_t line;  // of the text
  };
  std::vector<Jump> jumps;  // whose targets are set when the body is decoded
  struct Table {
    std::uint32_t list;
    std::string_view label;
    std::uint32_t line;
  };
  std::vector<Table> tables;
  std::vector<std::uint32_t> returns;  // steps that go to behind the body
};

class Decoder : public Decoding::Operands {
 public:
  Decoder(ptx::Module& module, const AddressOf& address_of)
      : module_(module), address_of_(address_of) {}

  std::unique_ptr<Kernel> decode(ptx::Function& entry) {
    kernel_->name = std::string(entry.name);
    kernel_->shown_name = demangled(kernel_->name);
    kernel_->text = &module_;
    line_ = entry.line;
    KernelAttributes& attributes = kernel_->attributes;
    if (entry.most_threads != 0) attributes.most_threads = entry.most_threads;
    std::vector<std::int64_t> offsets;
    for (const std::uint32_t index : entry.parameters) {
      const ptx::Variable& parameter = entry.variables[index];
      const std::uint32_t offset = aligned(attributes.parameter_bytes, parameter.align);
      const auto bytes = static_cast<std::uint32_t>(within(
          parameter.bytes, offset, DeviceProperties::kParameterBytes, "formal parameter space"));
      attributes.parameters.emplace_back(offset, bytes);
      attributes.parameter_bytes = offset + bytes;
      offsets.push_back(offset);
    }
    scratch_ = allocate_register(8);
    body(entry, offsets, {}, {});
    for (std::size_t i = 0; i < kernel_->steps.size(); ++i)
      kernel_->steps[i].index = static_cast<std::uint32_t>(i);
    kernel_->local_bytes = aligned(local_bytes_, 16);
    kernel_->shared_bytes = aligned(shared_bytes_, 16);
    attributes.local_bytes = kernel_->local_bytes;
    attributes.static_shared_bytes = shared_bytes_;
    kernel_->register_bytes = aligned(register_bytes_, 64);
    return std::move(kernel_);
  }

  Slot source(const ptx::Operand& operand, Type type) override {
    using Kind = ptx::Operand::Kind;
    const std::uint32_t width = type == Type::pred ? 0 : std::max(ptx::size_of(type), 2u);
    switch (operand.kind) {
      case Kind::reg: check_register(operand, width); return register_slot(operand.index);
      case Kind::integer:
        // A number may stand where a floating value is meant: its bits.
        return literal(width, static_cast<std::uint64_t>(operand.value));
      case Kind::f32:
        if (type == Type::f64) {
          const auto single = std::bit_cast<float>(static_cast<std::uint32_t>(operand.value));
          return literal(8, std::bit_cast<std::uint64_t>(static_cast<double>(single)));
        }
        return literal(width, static_cast<std::uint64_t>(operand.value));
      case Kind::f64:
        if (type == Type::f32) {
          const auto wide = std::bit_cast<double>(operand.value);
          return literal(4, std::bit_cast<std::uint32_t>(static_cast<float>(wide)));
        }
        if (width != 8) malformed("a floating number, where the instruction takes none");
        return literal(width, static_cast<std::uint64_t>(operand.value));
      case Kind::special: return special(operand.name, width);
      case Kind::variable:
      case Kind::symbol: {
        Space space = Space::generic;
        return literal(width, static_cast<std::uint64_t>(address_of(operand, space)));
      }
      default: throw Unsupported("an operand of this kind here");
    }
  }

  Slot destination(const ptx::Operand& operand, std::uint32_t width) override {
    if (operand.kind == ptx::Operand::Kind::sink) return scratch(width);
    if (operand.kind != ptx::Operand::Kind::reg) malformed("a result that is no register");
    check_register(operand, width);
    return register_slot(operand.index);
  }

  std::uint32_t register_width(const ptx::Operand& operand) override {
    if (operand.kind == ptx::Operand::Kind::reg) {
      return std::max(ptx::size_of(frame_->function->registers[operand.index].type), 2u);
    }
    return operand.kind == ptx::Operand::Kind::special ? 4 : 0;
  }

  void address(const ptx::Operand& operand, Space space, Step& step) override {
    using Kind = ptx::Operand::Kind;
    if (operand.kind != Kind::address) malformed("an address without brackets");
    step.space = space;
    step.immediate = operand.value;
    if (operand.elements.empty()) {
      step.s[0] = literal(8, 0);
      return;
    }
    const ptx::Operand& base = operand.elements[0];
    if (base.kind == Kind::reg) {
      const std::uint32_t width = register_width(base);
      if (is_predicate(base) || width < 4 || width > 8)
        throw Unsupported("an address in " + std::string(base.name));
      step.s[0] = register_slot(base.index);
      // 32-bit addresses are those of shared memory, with or without the window.
      step.has_mask = width == 4;
      return;
    }
    Space found = space;
    step.immediate += address_of(base, found);
    step.space = space == Space::generic || space == Space::parameter ? found : space;
    step.s[0] = literal(8, 0);
  }

  std::uint32_t add_list(const std::vector<std::uint32_t>& slots) override {
    const auto first = static_cast<std::uint32_t>(kernel_->lists.size());
    kernel_->lists.insert(kernel_->lists.end(), slots.begin(), slots.end());
    return first;
  }

 private:
  Slot allocate_register(std::uint32_t width) {
    const Slot slot = aligned(register_bytes_, width == 0 ? 4 : 64);
    register_bytes_ = slot + (width == 0 ? 4 : width * kLanes);
    return slot;
  }

  Slot register_slot(std::uint32_t index) {
    Slot& slot = frame_->registers[index];
    if (slot == kNoSlot) {
      const Type type = frame_->function->registers[index].type;
      slot = allocate_register(type == Type::pred ? 0 : std::max(ptx::size_of(type), 2u));
    }
    return slot;
  }

  Slot scratch(std::uint32_t) { return scratch_; }

  // As the assembler would refuse it.
  [[noreturn]] void malformed(const std::string& what) const { throw ptx::ParseError{line_, what}; }

  Type register_type(const ptx::Operand& operand) const {
    return frame_->function->registers[operand.index].type;
  }

  bool is_predicate(const ptx::Operand& operand) const {
    return register_type(operand) == Type::pred;
  }

  // Whether a register may stand where a value of `width` bytes (0: a predicate) is taken or given.
  void check_register(const ptx::Operand& operand, std::uint32_t width) const {
    const std::uint32_t has = std::max(ptx::size_of(register_type(operand)), 2u);
    const bool fits = takes_wider_ ? has >= width : has == std::max(width, 2u);
    if (is_predicate(operand) ? width == 0 : width != 0 && fits) return;
    malformed(std::string(operand.name) + " is no register for this instruction");
  }

  // Registers of a vector are of one width; those of a mov hold the whole together.
  void check_vector(const ptx::Operand& operand, const Decoding& d) {
    if (operand.kind != ptx::Operand::Kind::vector) return;
    std::uint32_t common =
        d.base() == "mov"
            ? ptx::size_of(d.last_type()) /
                  static_cast<std::uint32_t>(std::max<std::size_t>(operand.elements.size(), 1))
            : 0;
    for (const ptx::Operand& element : operand.elements) {
      if (element.kind != ptx::Operand::Kind::reg) continue;
      const std::uint32_t width = register_width(element);
      if (common == 0) common = width;
      if (width != common) malformed(std::string(element.name) + " is no register for this vector");
    }
  }

  // `bytes`, that with those before them fit.
  std::uint64_t within(std::uint64_t bytes, std::uint64_t before, std::uint64_t most,
                       const char* what) const {
    if (bytes <= most && before <= most - bytes) return bytes;
    malformed("the kernel " + kernel_->name + " uses too much " + what + " (" +
              hexadecimal(before + bytes) + " bytes, " + hexadecimal(most) + " at most)");
  }

  Slot literal(std::uint32_t width, std::uint64_t value) {
    if (width < 8 && width != 0) value &= (std::uint64_t{1} << (8 * width)) - 1;
    auto [place, is_new] = literals_.try_emplace({width, value}, kNoSlot);
    if (is_new) {
      place->second = allocate_register(width);
      kernel_->literals.push_back({place->second, width, value});
    }
    return place->second;
  }

  Slot special(std::string_view name, std::uint32_t width) {
    if (name == "WARP_SZ") return literal(width, kLanes);
    for (const SpecialName& known : kSpecials) {
      if (known.word != name) continue;
      auto [place, is_new] = specials_.try_emplace({name, width}, kNoSlot);
      if (is_new) {
        place->second = allocate_register(width);
        kernel_->specials.push_back({place->second, width, known.special});
      }
      return place->second;
    }
    const bool is_other =
        std::any_of(std::begin(kOtherSpecials), std::end(kOtherSpecials),
                    [&](std::string_view begin) { return name.starts_with(begin); });
    if (!is_other) malformed("the register " + std::string(name) + " is not known");
    throw Unsupported("the special register " + std::string(name));
  }

  // A variable's address within its space; for one of the module, its generic address.
  std::int64_t address_of(const ptx::Operand& operand, Space& space) {
    if (operand.kind == ptx::Operand::Kind::variable) {
      std::int64_t& offset = frame_->variables[operand.index];
      const ptx::Variable& variable = frame_->function->variables[operand.index];
      space = variable.space;
      if (space == Space::shared) return shared(variable) + operand.value;
      if (offset < 0) offset = local(variable);
      // Parameters of calls, and what a function declares, lie in the thread's local memory.
      const bool is_launch_parameter =
          frame_->function->is_entry && operand.index < parameter_count_;
      if (space == Space::parameter && !is_launch_parameter) space = Space::local;
      return offset + operand.value;
    }
    for (const ptx::Variable& variable : module_.variables) {
      if (variable.name != operand.name || variable.space != Space::shared) continue;
      space = Space::shared;
      return shared(variable) + operand.value;
    }
    if (const Variable* variable = address_of_(operand.name)) {
      space = Space::global;
      return static_cast<std::int64_t>(variable->address) + operand.value;
    }
    if (module_.functions.contains(operand.name))
      throw Unsupported("the address of the function " + std::string(operand.name));
    malformed("the symbol " + std::string(operand.name) + " is not known");
  }

  // Static shared memory first; what is declared without a size begins behind it, at the launch.
  std::int64_t shared(const ptx::Variable& variable) {
    if (variable.bytes == 0) return kDynamicShared;
    auto [place, is_new] = shared_.try_emplace(variable.name.data(), 0);
    if (is_new) {
      place->second = aligned(shared_bytes_, variable.align);
      shared_bytes_ = place->second + static_cast<std::uint32_t>(within(
                                          variable.bytes, place->second,
                                          DeviceProperties::kSharedPerBlock, "shared memory"));
    }
    return place->second;
  }

  std::int64_t local(const ptx::Variable& variable) {
    const std::uint32_t offset = aligned(local_bytes_, std::max(variable.align, 1u));
    local_bytes_ =
        offset + static_cast<std::uint32_t>(within(
                     variable.bytes, offset, DeviceProperties::kLocalPerThread, "local memory"));
    return offset;
  }

  // Decodes a function's body in place; `parameters` and `results` are where its parameters lie.
  void body(ptx::Function& function, const std::vector<std::int64_t>& parameters,
            const std::vector<std::int64_t>& results,
            const std::vector<const ptx::Function*>& callers) {
    if (std::find(callers.begin(), callers.end(), &function) != callers.end()) {
      throw Unsupported("the function " + std::string(function.name) + " calls itself; recursion");
    }
    if (callers.size() > kMostCallers) throw Unsupported("a call as deep");
    ptx::parse_body(module_, function);
    Frame frame;
    frame.function = &function;
    frame.registers.assign(function.registers.size(), kNoSlot);
    frame.variables.assign(function.variables.size(), -1);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      frame.variables[function.parameters[i]] = parameters[i];
    for (std::size_t i = 0; i < results.size(); ++i)
      frame.variables[function.results[i]] = results[i];
    Frame* const outer = frame_;
    frame_ = &frame;
    if (function.is_entry) parameter_count_ = function.parameters.size();
    std::vector<const ptx::Function*> chain = callers;
    chain.push_back(&function);
    for (const ptx::Instruction& instruction : function.body) {
      frame.step_of.push_back(static_cast<std::uint32_t>(kernel_->steps.size()));
      if (kernel_->steps.size() > kMostSteps)
        malformed("the calls of " + kernel_->name + " in line are too many");
      this->instruction(instruction, chain);
    }
    frame.step_of.push_back(static_cast<std::uint32_t>(kernel_->steps.size()));
    close(frame);
    frame_ = outer;
  }

  void close(Frame& frame) {
    // Falling off the end of a kernel is its exit; of a function, its return.
    if (frame.function->is_entry) {
      Step exit;
      exit.flow = Flow::exit;
      exit.instruction_class = InstructionClass::control;
      exit.written = frame.function->body.empty() ? nullptr : &frame.function->body.back();
      kernel_->steps.push_back(exit);
    }
    const auto end = frame.step_of.back();
    const auto step_at = [&](std::string_view label, std::uint32_t line) -> std::uint32_t {
      const auto found = frame.function->labels.find(label);
      if (found == frame.function->labels.end())
        throw ptx::ParseError{line, "the label \"" + std::string(label) + "\" is not known"};
      return frame.step_of[found->second];
    };
    for (const Frame::Jump& jump : frame.jumps)
      kernel_->steps[jump.step].target = step_at(jump.label, jump.line);
    for (const std::uint32_t step : frame.returns) kernel_->steps[step].target = end;
    for (const Frame::Table& table : frame.tables) {
      const auto& labels = frame.function->branch_targets.at(table.label);
      for (std::size_t i = 0; i < labels.size(); ++i)
        kernel_->lists[table.list + i] = step_at(labels[i], table.line);
    }
  }

  void instruction(const ptx::Instruction& instruction,
                   const std::vector<const ptx::Function*>& callers) {
    Step step;
    step.written = &instruction;
    line_ = instruction.line;
    const auto here = static_cast<std::uint32_t>(kernel_->steps.size());
    try {
      Decoding d(instruction, *this, step);
      if (!takes(d, d.operand_count()))
        malformed(std::string(instruction.opcode) + " with " + std::to_string(d.operand_count()) +
                  " operands");
      takes_wider_ = d.base() == "ld" || d.base() == "ldu" || d.base() == "st" || d.base() == "cvt";
      for (const ptx::Operand& operand : instruction.operands) check_vector(operand, d);
      if (instruction.has_guard) {
        if (instruction.guard.kind != ptx::Operand::Kind::reg)
          malformed("a guard that is no predicate");
        step.guard = source(instruction.guard, Type::pred);
        step.guard_is_negated = instruction.guard.is_negated;
      }
      if (control(d, here, callers)) return;
      if (decode_integer(d) || decode_bits(d) || decode_floating(d) || decode_half(d) ||
          decode_compare(d) || decode_convert(d) || decode_copy(d) || decode_mbarrier(d) ||
          decode_access(d) || decode_atomic(d) || decode_warp(d) || decode_other(d)) {
        kernel_->steps.push_back(step);
        return;
      }
      d.unsupported();
    } catch (const Unsupported& unsupported) {
      // Executing it stops the launch, with this text.
      kernel_->steps.resize(here);
      Step unknown;
      unknown.written = &instruction;
      kernel_->steps.push_back(unknown);
      kernel_->unsupported[here] = unsupported.what();
    }
  }

  bool control(Decoding& d, std::uint32_t here, const std::vector<const ptx::Function*>& callers) {
    Step& step = d.step();
    const std::string_view base = d.base();
    step.instruction_class = InstructionClass::control;
    if (base == "bra") {
      step.flow = Flow::branch;
      frame_->jumps.push_back({here, d.operand(0).name, line_});
    } else if (base == "brx") {
      step.flow = Flow::branch_table;
      step.s[0] = source(d.operand(0), Type::u32);
      const std::string_view label = d.operand(1).name;
      const auto found = frame_->function->branch_targets.find(label);
      if (found == frame_->function->branch_targets.end())
        malformed("the branch targets \"" + std::string(label) + "\" are not known");
      step.list_count = static_cast<std::uint32_t>(found->second.size());
      step.list = add_list(std::vector<std::uint32_t>(step.list_count));
      frame_->tables.push_back({step.list, label, line_});
    } else if (base == "ret" && !frame_->function->is_entry) {
      step.flow = Flow::branch;
      frame_->returns.push_back(here);
    } else if (base == "exit" || base == "ret") {
      step.flow = Flow::exit;
    } else if (base == "call") {
      call(d, here, callers);
      return true;
    } else {
      return false;
    }
    kernel_->steps.push_back(step);
    return true;
  }

  std::vector<std::int64_t> places(const ptx::Operand& group) {
    std::vector<std::int64_t> offsets;
    const auto place = [&](const ptx::Operand& operand) {
      if (operand.kind != ptx::Operand::Kind::variable)
        throw Unsupported("a call's parameter that is no variable");
      Space space = Space::generic;
      offsets.push_back(address_of(operand, space));
    };
    if (group.kind == ptx::Operand::Kind::group) {
      for (const ptx::Operand& element : group.elements) place(element);
    } else {
      place(group);
    }
    return offsets;
  }

  void call(Decoding& d, std::uint32_t here, const std::vector<const ptx::Function*>& callers) {
    using Kind = ptx::Operand::Kind;
    std::size_t at = 0;
    std::vector<std::int64_t> results, parameters;
    if (d.operand(at).kind == Kind::group) results = places(d.operand(at++));
    const ptx::Operand& callee = d.operand(at++);
    if (callee.kind != Kind::symbol) throw Unsupported("a call through a pointer");
    if (at < d.operand_count()) parameters = places(d.operand(at));
    const auto found = module_.functions.find(callee.name);
    if (found == module_.functions.end())
      malformed("the function " + std::string(callee.name) + " is not known");
    Step step = d.step();
    if (!found->second.has_body) {
      step.list = add_list([&] {
        std::vector<std::uint32_t> all;
        for (const auto offset : results) all.push_back(static_cast<std::uint32_t>(offset));
        for (const auto offset : parameters) all.push_back(static_cast<std::uint32_t>(offset));
        return all;
      }());
      step.list_count = static_cast<std::uint32_t>(results.size() + parameters.size());
      d.step() = step;
      if (!decode_system_call(d, callee.name))
        throw Unsupported("the function " + std::string(callee.name));
      kernel_->steps.push_back(d.step());
      return;
    }
    if (found->second.parameters.size() != parameters.size() ||
        found->second.results.size() != results.size()) {
      malformed("a call with other parameters than its function has");
    }
    if (step.guard != kNoSlot) {
      // Lanes that do not call go past the body.
      step.flow = Flow::branch;
      step.guard_is_negated = !step.guard_is_negated;
      kernel_->steps.push_back(step);
    }
    body(found->second, parameters, results, callers);
    if (step.guard != kNoSlot)
      kernel_->steps[here].target = static_cast<std::uint32_t>(kernel_->steps.size());
  }

  ptx::Module& module_;
  const AddressOf& address_of_;
  std::unique_ptr<Kernel> kernel_ = std::make_unique<Kernel>();
  Frame* frame_ = nullptr;
  std::uint32_t line_ = 0;    // of the text, of what is decoded
  bool takes_wider_ = false;  // registers that are wider than its type
  std::size_t parameter_count_ = 0;
  Slot scratch_ = kNoSlot;
  std::uint32_t register_bytes_ = 0, local_bytes_ = 0, shared_bytes_ = 0;
  std::map<std::pair<std::uint32_t, std::uint64_t>, Slot> literals_;
  std::map<std::pair<std::string_view, std::uint32_t>, Slot> specials_;
  std::map<const char*, std::uint32_t> shared_;
};

}  // namespace

Decoding::Decoding(const ptx::Instruction& instruction, Operands& operands, Step& step)
    : instruction_(instruction),
      operands_(operands),
      step_(step),
      words_(split(instruction.opcode)) {
  for (std::size_t i = 1; i < words_.size(); ++i) {
    const Type type = ptx::type_named(words_[i]);
    if (type != Type::none) types_.push_back(type);
  }
}

bool Decoding::has(std::string_view modifier) const {
  return std::find(words_.begin() + 1, words_.end(), modifier) != words_.end();
}

Type Decoding::type(std::size_t index) const {
  if (index >= types_.size()) unsupported();
  return types_[index];
}

Type Decoding::last_type() const {
  if (types_.empty()) unsupported();
  return types_.back();
}

const ptx::Operand& Decoding::operand(std::size_t index) const {
  if (index >= instruction_.operands.size()) unsupported();
  return instruction_.operands[index];
}

void Decoding::destination(std::uint32_t width, std::size_t index) {
  step_.d = operands_.destination(operand(index), width);
}

void Decoding::source(std::size_t slot, std::size_t index, Type type) {
  if (slot >= step_.s.size()) unsupported();
  step_.s[slot] = operands_.source(operand(index), type);
}

void Decoding::sources(Type type, std::size_t first) {
  for (std::size_t i = first; i < operand_count(); ++i) source(i - first, i, type);
}

void Decoding::floating_modifiers() {
  step_.flushes = has("ftz");
  step_.saturates = has("sat");
  step_.rounding = has("rz") || has("rzi")   ? Rounding::zero
                   : has("rm") || has("rmi") ? Rounding::down
                   : has("rp") || has("rpi") ? Rounding::up
                                             : Rounding::nearest;
}

void Decoding::runs(InstructionClass instruction_class, Run run) {
  step_.instruction_class = instruction_class;
  step_.run = run;
}

void Decoding::unsupported() const { throw Unsupported(std::string(instruction_.opcode)); }

std::unique_ptr<Kernel> decode(ptx::Module& module, ptx::Function& entry,
                               const AddressOf& address_of) {
  try {
    return Decoder(module, address_of).decode(entry);
  } catch (const ptx::ParseError& error) {
    throw ModuleError{"line " + std::to_string(error.line) + ": " + error.what};
  }
}

}  // namespace emulator
