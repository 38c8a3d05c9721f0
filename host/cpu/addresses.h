// Where the values of a run lie.
#pragma once

#include <span>

#include "host/cpu/tally.h"
#include "host/plan/plan.h"

namespace tendon::cpu {

// The memory of a run: what the caller gave, the arena and the tape's literals; and who counts its
// use.
class Addresses {
 public:
  Addresses(const plan::Plan& plan, std::span<const void* const> inputs,
            std::span<void* const> outputs, void* arena, Tally* tally)
      : plan_(plan),
        inputs_(inputs),
        outputs_(outputs),
        arena_(static_cast<char*>(arena)),
        tally_(tally) {}

  char* operator[](Ref value) const {
    const plan::Location& at = plan_.locations[value.id];
    switch (at.space) {
      case plan::Space::none: return nullptr;
      // An input is only read; memory has one pointer type for both uses.
      case plan::Space::input: return static_cast<char*>(const_cast<void*>(inputs_[at.index]));
      case plan::Space::output: return static_cast<char*>(outputs_[at.index]);
      case plan::Space::literal:
        return const_cast<char*>(reinterpret_cast<const char*>(plan_.tape.literal(value).data()));
      case plan::Space::arena: return arena_ + at.offset;
    }
    __builtin_unreachable();
  }
  char* arena() const { return arena_; }
  Tally* tally() const { return tally_; }  // none in most runs

 private:
  const plan::Plan& plan_;
  std::span<const void* const> inputs_;
  std::span<void* const> outputs_;
  char* arena_;
  Tally* tally_;
};

}  // namespace tendon::cpu
