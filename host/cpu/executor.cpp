#include "host/cpu/executor.h"

#include <cstring>
#include <vector>

#include "host/cpu/compute.h"

namespace tendon::cpu {
namespace {

// The arrays of a run: given by the caller, or owned and freed when no later stage reads them.
class Values {
 public:
  Values(const Tape& tape, Memory& memory) : tape_(tape), memory_(memory), slots_(tape.size()) {}
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
  ~Values() {
    for (std::uint32_t id = 0; id < slots_.size(); ++id) release(Ref{id});
  }

  void lend(Ref value, void* data) { slots_[value.id] = {data, false}; }
  bool has(Ref value) const { return slots_[value.id].data != nullptr; }
  Array make(Ref value) {
    Slot& slot = slots_[value.id];
    if (slot.data == nullptr) {
      slot = {memory_.allocate(static_cast<std::size_t>(tape_.bytes(value)), name(tape_.op(value)),
                               tape_.place(value)),
              true};
    }
    return get(value);
  }
  Array get(Ref value) const {
    return {tape_.dtype(value), tape_.shape(value), slots_[value.id].data};
  }
  void release(Ref value) {
    Slot& slot = slots_[value.id];
    if (slot.owned) memory_.deallocate(slot.data, static_cast<std::size_t>(tape_.bytes(value)));
    slot = {};
  }

 private:
  struct Slot {
    void* data = nullptr;
    bool owned = false;
  };
  const Tape& tape_;
  Memory& memory_;
  std::vector<Slot> slots_;
};

}  // namespace

void execute(const plan::Plan& plan, const Tape& tape, std::span<const void* const> inputs,
             std::span<void* const> outputs, Memory& memory) {
  Values values(tape, memory);
  // An input is only read; an array has one pointer type for both uses.
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values.lend(tape.inputs()[i], const_cast<void*>(inputs[i]));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Ref target = tape.targets()[i];
    if (tape.op(target) != Op::input && !values.has(target)) values.lend(target, outputs[i]);
  }
  std::vector<Array> operands;
  for (const plan::Stage& stage : plan.stages) {
    for (const Ref value : stage.values) {
      operands.clear();
      for (const Ref operand : tape.operands(value)) operands.push_back(values.get(operand));
      const bool literal = tape.op(value) == Op::literal;
      compute({tape.op(value), operands, tape.attributes(value), values.make(value),
               literal ? tape.literal(value) : std::span<const std::byte>(), tape.place(value)});
    }
    for (const Ref value : stage.dead) values.release(value);
  }
  // A target that is an input, or listed twice, has its value elsewhere.
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Ref target = tape.targets()[i];
    const Array source = values.get(target);
    if (source.data != outputs[i] && tape.bytes(target) > 0) {
      std::memcpy(outputs[i], source.data, static_cast<std::size_t>(tape.bytes(target)));
    }
  }
}

}  // namespace tendon::cpu
