// Block: where lanes and warps wait for each other.
#include <algorithm>
#include <bit>

#include "machine/block.h"

namespace emulator {
std::string hexadecimal(Mask lanes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[lanes >> shift & 15];
  return text;
}

// Lanes that come to a warp-wide instruction together may name different masks, as the parts of a
// partitioned warp do: those that name the first one's stay, the others take it after them. True
// where there are such; `mask` is of those that stay.
bool Block::split_by_members(WarpState& warp, std::size_t index, const Step& step, Mask& mask) {
  const Mask* members = warp.lanes<Mask>(step.s[3]);
  const Mask first = members[std::countr_zero(mask)];
  Mask others = 0;
  for (int lane = 0; lane < kLanes; ++lane)
    others |= static_cast<Mask>(members[lane] != first) << lane;
  others &= mask;
  if (others == 0) return false;
  Group rest = warp.groups[index];
  rest.mask = others;
  warp.groups[index].mask &= ~others;
  warp.groups.push_back(rest);
  mask &= ~others;
  return true;
}

// A warp-wide instruction: true where the group went on, false where it waits for other lanes.
bool Block::synchronize(WarpState& warp, std::size_t index, const Step& step, Mask mask) {
  if (mask == 0) {
    ++warp.groups[index].pc;
    return true;
  }
  const Mask members = warp.lanes<Mask>(step.s[3])[std::countr_zero(mask)];
  if ((members & mask) != mask && running_.options.check_barriers) {
    report(Fault::barrier_divergence, warp, std::countr_zero(mask & ~members), step,
           "the thread takes part in what the mask " + hexadecimal(members) + " leaves it out of");
  }
  const Mask awaited = (members | mask) & warp.live;
  if (mask == warp.groups[index].mask && (mask & awaited) == awaited) {
    step.run(warp, step, mask);
    if (step.flow == Flow::warp_barrier) shared_.synchronize_lanes(warp.index, mask, warp.live);
    ++warp.groups[index].pc;
    return true;
  }
  if (mask != warp.groups[index].mask) {  // lanes that its predicate excludes go on
    Group rest = warp.groups[index];
    rest.mask &= ~mask;
    ++rest.pc;
    warp.groups[index].mask = mask;
    warp.groups.push_back(rest);
  }
  Group& group = warp.groups[index];
  group.state = Group::State::at_lanes;
  group.awaited = members;
  meet(warp);
  return false;
}

// Lets those go on whose lanes have all come: at the same instruction, or at any bar.warp.sync.
void Block::meet(WarpState& warp) {
  for (std::size_t i = 0; i < warp.groups.size(); ++i) {
    if (warp.groups[i].state != Group::State::at_lanes) continue;
    const std::uint32_t pc = warp.groups[i].pc;
    const Step& step = kernel_.steps[pc];
    const Mask members = warp.groups[i].awaited;
    const auto is_with = [&](const Group& other) {
      if (other.state != Group::State::at_lanes || other.awaited != members) return false;
      return other.pc == pc || (step.flow == Flow::warp_barrier &&
                                kernel_.steps[other.pc].flow == Flow::warp_barrier);
    };
    Mask come = 0;
    for (const Group& other : warp.groups) come |= is_with(other) ? other.mask : 0;
    const Mask awaited = members & warp.live;
    if ((come & awaited) != awaited) continue;
    step.run(warp, step, come);
    if (step.flow == Flow::warp_barrier) shared_.synchronize_lanes(warp.index, come, warp.live);
    std::vector<Group*> together;
    for (Group& other : warp.groups) {
      if (is_with(other)) together.push_back(&other);
    }
    for (Group* other : together) {
      other->state = Group::State::ready;
      ++other->pc;
    }
  }
}

void Block::exit_lanes(WarpState& warp, std::size_t index, Mask mask) {
  Group& group = warp.groups[index];
  warp.live &= ~mask;
  group.mask &= ~mask;
  ++group.pc;
  ++running_.progress;
  if (group.mask == 0) warp.groups.erase(warp.groups.begin() + static_cast<std::ptrdiff_t>(index));
  meet(warp);
  for (std::uint32_t id = 0; id < barriers_.size(); ++id) {
    if (barriers_[id].arrived != 0) try_release(id);
  }
}

void Block::arrive(WarpState& warp, std::size_t index, const Step& step, Mask mask) {
  if (mask == 0) {
    ++warp.groups[index].pc;
    return;
  }
  const int first = std::countr_zero(mask);
  if (mask != warp.groups[index].mask) {
    Group rest = warp.groups[index];
    rest.mask &= ~mask;
    ++rest.pc;
    warp.groups[index].mask = mask;
    warp.groups.push_back(rest);
  }
  const std::uint32_t id = warp.lanes<std::uint32_t>(step.s[0])[first];
  if (id >= barriers_.size()) {
    stop(Fault::trap, LaunchStatus::illegal_instruction, warp, first, step,
         "there is no barrier " + std::to_string(id));
  }
  Barrier& barrier = barriers_[id];
  barrier.expected = step.s[1] == kNoSlot ? 0 : warp.lanes<std::uint32_t>(step.s[1])[first];
  barrier.arrived += static_cast<std::uint32_t>(std::popcount(mask));
  // Lanes may come one after the other, but an aligned barrier is to be the same one for all.
  const Step*& at = barrier.at[warp.index];
  if (at == nullptr) {
    at = &step;
    barrier.awaited[warp.index] = step.has_mask ? warp.live : 0;
  } else if (at != &step && step.has_mask && running_.options.check_barriers) {
    report(Fault::barrier_divergence, warp, first, step,
           "a barrier of the block that the lanes " + hexadecimal(mask) +
               " of the warp reach here, and the lanes " + hexadecimal(barrier.came[warp.index]) +
               " at line " + std::to_string(at->written->line) + " of the PTX");
  }
  barrier.came[warp.index] |= mask;
  barrier.step = &step;
  if (step.detail != 0) {
    const Mask truth =
        (step.is_signed ? ~warp.predicate(step.s[2]) : warp.predicate(step.s[2])) & mask;
    barrier.count += static_cast<std::uint32_t>(std::popcount(truth));
    barrier.all = barrier.all && truth == mask;
  }
  Group& group = warp.groups[index];
  if (step.flow == Flow::arrive) {
    ++group.pc;
  } else {
    group.state = Group::State::at_barrier;
    group.awaited = id;
  }
  try_release(id);
}

void Block::try_release(std::uint32_t id) {
  Barrier& barrier = barriers_[id];
  std::uint32_t live = 0, warps = 0;
  for (const auto& warp : warps_) live += static_cast<std::uint32_t>(std::popcount(warp->live));
  if (barrier.arrived < (barrier.expected != 0 ? barrier.expected : live)) return;
  if (running_.options.check_barriers && !tell_divergence(barrier) && barrier.expected == 0 &&
      live < thread_count_ && live != 0) {
    for (const auto& warp : warps_) {
      const Mask ended = lanes_of(*warp) & ~warp->live;
      if (ended == 0) continue;
      report(Fault::barrier_missed, *warp, std::countr_zero(ended), *barrier.step,
             "a barrier of the block that " + std::to_string(thread_count_ - live) + " of its " +
                 std::to_string(thread_count_) + " threads never reach: they have ended");
      break;
    }
  }
  for (auto& warp : warps_) {
    if (barrier.came[warp->index] != 0) warps |= 1u << warp->index;
    for (Group& group : warp->groups) {
      if (group.state != Group::State::at_barrier || group.awaited != id) continue;
      const Step& step = kernel_.steps[group.pc];
      if (step.detail == 1) {
        std::uint32_t result[kLanes];
        std::fill_n(result, kLanes, barrier.count);
        warp->store(step.d, result, group.mask);
      } else if (step.detail != 0) {
        const bool outcome = step.detail == 2 ? barrier.all : barrier.count != 0;
        warp->store_predicate(step.d, outcome ? kAllLanes : 0, group.mask);
      }
      group.state = Group::State::ready;
      ++group.pc;
    }
  }
  shared_.synchronize_warps(warps);
  barrier = {};
  ++running_.progress;
}

// At the end of a barrier: true where part of a warp came, and lanes that could have did not.
bool Block::tell_divergence(const Barrier& barrier) const {
  bool is_divergent = false;
  for (const auto& warp : warps_) {
    const Mask came = barrier.came[warp->index];
    if (came == 0 || (barrier.awaited[warp->index] & ~came) == 0) continue;
    is_divergent = true;
    report(Fault::barrier_divergence, *warp, std::countr_zero(came), *barrier.at[warp->index],
           "a barrier of the block that only the lanes " + hexadecimal(came) +
               " of the warp reach, of " + hexadecimal(barrier.awaited[warp->index]));
  }
  return is_divergent;
}

void Block::deadlocked() {
  for (const Barrier& barrier : barriers_) {
    if (running_.options.check_barriers) tell_divergence(barrier);
  }
  std::string text = "no thread of the block can go on:";
  const Warp* first_warp = nullptr;
  int first_lane = 0;
  const Step* first_step = nullptr;
  for (const auto& warp : warps_) {
    for (const Group& group : warp->groups) {
      const Step& step = kernel_.steps[group.pc];
      text += "\n    lanes " + hexadecimal(group.mask) + " of warp " + std::to_string(warp->index) +
              " wait at line " + std::to_string(step.written->line) + " of the PTX for " +
              (group.state == Group::State::at_lanes
                   ? "the lanes " + hexadecimal(group.awaited & warp->live & ~group.mask)
                   : "barrier " + std::to_string(group.awaited));
      if (first_warp != nullptr) continue;
      first_warp = warp.get();
      first_lane = std::countr_zero(group.mask);
      first_step = &step;
    }
  }
  stop(Fault::deadlock, LaunchStatus::launch_failure, *first_warp, first_lane, *first_step, text);
}

}  // namespace emulator
