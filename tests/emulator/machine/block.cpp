// Block: scheduling of its warps and of the lanes within them.
//
// Lanes that are at different places are groups; of the groups that are ready the one at the lowest
// place goes first, so that they meet again where their paths do. A group that loops for long gives
// way, since it may wait for another.
#include "machine/block.h"

#include <algorithm>
#include <bit>

namespace emulator {
namespace {

constexpr std::uint32_t kNoLimit = ~std::uint32_t{0};
constexpr std::uint64_t kStepsAtOnce = 8192;  // of a warp, before the next
constexpr std::uint64_t kIdleSteps = 20'000;  // of a block, before another
constexpr std::uint32_t kPatience = 2048;     // loops of a group while others wait

template <class T>
void fill(Warp& warp, Slot slot, T value) {
  std::fill_n(warp.lanes<T>(slot), kLanes, value);
}

void fill(Warp& warp, Slot slot, std::uint32_t width, std::uint64_t value) {
  switch (width) {
    case 0: warp.predicate(slot) = value != 0 ? kAllLanes : 0; break;
    case 2: fill(warp, slot, static_cast<std::uint16_t>(value)); break;
    case 4: fill(warp, slot, static_cast<std::uint32_t>(value)); break;
    default: fill(warp, slot, value);
  }
}

// On one line: nvcc writes a call on several.
std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!is_space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return line;
}

std::string coordinates(const Dim3& at) {
  return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) +
         ")";
}

}  // namespace

Block::Block(Running& running) : running_(running), kernel_(running.kernel) {
  thread_count_ = static_cast<std::uint32_t>(running.launch.block.count());
  shared_.checks_races = running.options.check_races;
  shared_.checks_unwritten = running.options.check_unwritten;
  for (std::uint32_t index = 0; index * kLanes < thread_count_; ++index) {
    auto warp = std::make_unique<WarpState>();
    warp->registers_storage.resize(kernel_.register_bytes + 64);
    warp->local_storage.resize(static_cast<std::size_t>(kernel_.local_bytes) * kLanes + 16);
    const auto aligned =
        (reinterpret_cast<std::uintptr_t>(warp->registers_storage.data()) + 63) / 64 * 64;
    warp->registers = reinterpret_cast<std::byte*>(aligned);
    warp->local = warp->local_storage.data();
    warp->block = this;
    warp->index = index;
    for (const Literal& literal : kernel_.literals)
      fill(*warp, literal.slot, literal.width, literal.value);
    warps_.push_back(std::move(warp));
  }
}

Dim3 Block::thread(const Warp& warp, int lane) const {
  const std::uint32_t linear = warp.index * kLanes + static_cast<std::uint32_t>(lane);
  const Dim3& size = running_.launch.block;
  return {linear % size.x, linear / size.x % size.y, linear / size.x / size.y};
}

Mask Block::lanes_of(const Warp& warp) const {
  const std::uint32_t threads = thread_count_ - warp.index * kLanes;
  return threads >= kLanes ? kAllLanes : (Mask{1} << threads) - 1;
}

std::string Block::named_thread(std::uint32_t thread) const {
  const Dim3& size = running_.launch.block;
  return "thread " +
         coordinates({thread % size.x, thread / size.x % size.y, thread / size.x / size.y});
}

void Block::begin(std::uint64_t index) {
  const Dim3& grid = running_.launch.grid;
  index_ = {static_cast<std::uint32_t>(index % grid.x),
            static_cast<std::uint32_t>(index / grid.x % grid.y),
            static_cast<std::uint32_t>(index / grid.x / grid.y)};
  barriers_ = {};
  shared_.begin(kernel_.shared_bytes, running_.launch.dynamic_shared_bytes);
  for (auto& warp : warps_) {
    warp->live = lanes_of(*warp);
    warp->groups.assign(1, {});
    warp->groups[0].mask = warp->live;
    warp->steps = 0;
    warp->copies.clear();
    prepare(*warp);
  }
}

void Block::prepare(WarpState& warp) {
  const Launch& launch = running_.launch;
  const auto uniform = [&](Special special) -> std::uint32_t {
    switch (special) {
      case Special::ntid_x: return launch.block.x;
      case Special::ntid_y: return launch.block.y;
      case Special::ntid_z: return launch.block.z;
      case Special::ctaid_x: return index_.x;
      case Special::ctaid_y: return index_.y;
      case Special::ctaid_z: return index_.z;
      case Special::nctaid_x: return launch.grid.x;
      case Special::nctaid_y: return launch.grid.y;
      case Special::nctaid_z: return launch.grid.z;
      case Special::warpid: return warp.index;
      case Special::nwarpid: return static_cast<std::uint32_t>(warps_.size());
      case Special::smid:
        return static_cast<std::uint32_t>((index_.x + index_.y + index_.z) %
                                          DeviceProperties::kMultiprocessors);
      case Special::nsmid: return DeviceProperties::kMultiprocessors;
      case Special::gridid: return launch.work;
      case Special::dynamic_smem_size: return launch.dynamic_shared_bytes;
      case Special::total_smem_size: return kernel_.shared_bytes + launch.dynamic_shared_bytes;
      case Special::grid_workspace_low: return static_cast<std::uint32_t>(running_.grid_workspace);
      case Special::grid_workspace_high:
        return static_cast<std::uint32_t>(running_.grid_workspace >> 32);
      case Special::one: return 1;
      default: return 0;
    }
  };
  for (const SpecialSlot& slot : kernel_.specials) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const Dim3 at = thread(warp, lane);
      const Mask bit = Mask{1} << lane;
      std::uint32_t value;
      switch (slot.special) {
        case Special::tid_x: value = at.x; break;
        case Special::tid_y: value = at.y; break;
        case Special::tid_z: value = at.z; break;
        case Special::laneid: value = static_cast<std::uint32_t>(lane); break;
        case Special::lanemask_eq: value = bit; break;
        case Special::lanemask_lt: value = bit - 1; break;
        case Special::lanemask_le: value = bit | (bit - 1); break;
        case Special::lanemask_gt: value = ~(bit | (bit - 1)); break;
        case Special::lanemask_ge: value = ~(bit - 1); break;
        default: value = uniform(slot.special);
      }
      if (slot.width == 2)
        warp.lanes<std::uint16_t>(slot.slot)[lane] = static_cast<std::uint16_t>(value);
      if (slot.width == 4) warp.lanes<std::uint32_t>(slot.slot)[lane] = value;
      if (slot.width == 8) warp.lanes<std::uint64_t>(slot.slot)[lane] = value;
    }
  }
}

bool Block::run() {
  idle_since_ = running_.clock;
  progress_ = running_.progress;
  for (;;) {
    bool has_run = false, is_over = true;
    for (auto& warp : warps_) {
      if (warp->live == 0) continue;
      has_run = run_warp(*warp) || has_run;
      is_over = is_over && warp->live == 0;
    }
    if (is_over) return true;
    if (!has_run) deadlocked();
    if (running_.progress != progress_) {
      progress_ = running_.progress;
      idle_since_ = running_.clock;
    } else if (running_.clock - idle_since_ > kIdleSteps) {
      return false;
    }
  }
}

// The group that goes next, after those at the same place are made one; all of them where none can.
std::size_t Block::choose(const WarpState& warp) const {
  std::size_t best = warp.groups.size();
  for (std::size_t i = 0; i < warp.groups.size(); ++i) {
    const Group& group = warp.groups[i];
    if (group.state != Group::State::ready) continue;
    if (best == warp.groups.size()) {
      best = i;
      continue;
    }
    const Group& other = warp.groups[best];
    if (std::pair(group.deferred, group.pc) < std::pair(other.deferred, other.pc)) best = i;
  }
  return best;
}

void Block::merge(WarpState& warp) {
  std::vector<Group>& groups = warp.groups;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    for (std::size_t j = i + 1; j < groups.size();) {
      if (groups[i].state == Group::State::ready && groups[j].state == Group::State::ready &&
          groups[i].pc == groups[j].pc) {
        groups[i].mask |= groups[j].mask;
        groups[i].deferred = std::min(groups[i].deferred, groups[j].deferred);
        groups.erase(groups.begin() + static_cast<std::ptrdiff_t>(j));
      } else {
        ++j;
      }
    }
  }
  // Together again, they have waited for nothing.
  if (groups.size() == 1) groups[0].patience = groups[0].deferred = 0;
}

void Block::count(const Step& step, Mask mask) {
  const auto lanes = static_cast<std::uint64_t>(std::popcount(mask));
  running_.counters.instructions[static_cast<std::size_t>(step.instruction_class)] += lanes;
  ++running_.counters.warp_instructions;
}

bool Block::run_warp(WarpState& warp) {
  bool has_run = false;
  const std::uint64_t end = running_.clock + kStepsAtOnce;
  while (warp.live != 0 && running_.clock < end) {
    if (warp.groups.size() > 1) merge(warp);
    const std::size_t chosen = choose(warp);
    if (chosen == warp.groups.size()) return has_run;
    has_run = true;
    // It runs to where the next group stands, so that they go on together.
    std::uint32_t limit = kNoLimit;
    for (const Group& other : warp.groups) {
      if (other.state == Group::State::ready && other.pc > warp.groups[chosen].pc)
        limit = std::min(limit, other.pc);
    }
    for (bool goes_on = true; goes_on && running_.clock < end;) {
      Group& group = warp.groups[chosen];
      const Step& step = kernel_.steps[group.pc];
      Mask mask = group.mask;
      if (step.guard != kNoSlot) {
        const Mask guard = warp.predicate(step.guard);
        mask &= step.guard_is_negated ? ~guard : guard;
      }
      ++running_.clock;
      if (++warp.steps > running_.options.step_budget) {
        stop(Fault::step_budget, LaunchStatus::timeout, warp, std::countr_zero(group.mask), step,
             "the thread has taken " + std::to_string(warp.steps - 1) + " steps; an endless loop?");
      }
      warp.group = group.mask;
      if (step.flow == Flow::next) {
        if (mask != 0) {
          if (step.run == nullptr) {
            const auto why = kernel_.unsupported.find(group.pc);
            stop(Fault::unsupported, LaunchStatus::illegal_instruction, warp,
                 std::countr_zero(mask), step,
                 (why == kernel_.unsupported.end() ? std::string(step.written->opcode)
                                                   : why->second) +
                     " is not supported by the emulator");
          }
          step.run(warp, step, mask);
          count(step, mask);
        }
        goes_on = ++group.pc != limit;
        continue;
      }
      const bool is_of_lanes = step.flow == Flow::synchronize || step.flow == Flow::warp_barrier;
      const bool is_split = is_of_lanes && mask != 0 && split_by_members(warp, chosen, step, mask);
      if (mask != 0) count(step, mask);
      switch (step.flow) {
        case Flow::branch:
          ++running_.counters.branches;
          if (mask == group.mask && warp.groups.size() == 1) {
            group.pc = step.target;
          } else if (mask == 0) {
            goes_on = ++group.pc != limit;
          } else {
            branch(warp, chosen, step, mask);
            goes_on = false;
          }
          break;
        case Flow::branch_table:
          branch_to_table(warp, chosen, step, mask);
          goes_on = false;
          break;
        case Flow::exit:
          exit_lanes(warp, chosen, mask);
          goes_on = false;
          break;
        case Flow::synchronize:
        case Flow::warp_barrier:
          goes_on =
              synchronize(warp, chosen, step, mask) && !is_split && warp.groups[chosen].pc != limit;
          break;
        default: arrive(warp, chosen, step, mask); goes_on = false;
      }
    }
  }
  return has_run;
}

void Block::branch(WarpState& warp, std::size_t index, const Step& step, Mask taken) {
  Group& group = warp.groups[index];
  const bool is_backward = step.target <= group.pc;
  if (taken == group.mask) {
    group.pc = step.target;
  } else {
    ++running_.counters.divergent_branches;
    Group split = group;
    split.mask = taken;
    split.pc = step.target;
    group.mask &= ~taken;
    ++group.pc;
    warp.groups.push_back(split);
  }
  Group& looping = taken == warp.groups[index].mask ? warp.groups[index] : warp.groups.back();
  if (is_backward && ++looping.patience >= kPatience) {
    looping.patience = 0;
    ++looping.deferred;
  }
}

void Block::branch_to_table(WarpState& warp, std::size_t index, const Step& step, Mask mask) {
  ++running_.counters.branches;
  const std::uint32_t* choice = warp.lanes<std::uint32_t>(step.s[0]);
  const Group before = warp.groups[index];
  std::vector<Group> after;
  const auto add = [&](std::uint32_t pc, Mask lanes) {
    for (Group& group : after) {
      if (group.pc == pc) return static_cast<void>(group.mask |= lanes);
    }
    after.push_back(before);
    after.back().pc = pc;
    after.back().mask = lanes;
  };
  if ((before.mask & ~mask) != 0) add(before.pc + 1, before.mask & ~mask);
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    if (choice[lane] >= step.list_count) {
      stop(Fault::trap, LaunchStatus::illegal_instruction, warp, lane, step,
           "a branch to a target that its table does not have");
    }
    add(kernel_.lists[step.list + choice[lane]], Mask{1} << lane);
  }
  running_.counters.divergent_branches += after.size() > 1;
  warp.groups[index] = after[0];
  warp.groups.insert(warp.groups.end(), after.begin() + 1, after.end());
}

// " line 12 of the PTX: ..." and the source lines below it, which are put into `source`.
std::string Block::place_of(const Step& step, std::vector<Report::Place>& source) const {
  std::string text = " line " + std::to_string(step.written->line) +
                     " of the PTX: " + on_one_line(step.written->text);
  for (auto line = step.written->source; line != nullptr; line = line->caller) {
    const auto file = kernel_.text->files.find(line->file);
    if (file == kernel_.text->files.end()) break;
    text += source.empty() ? "\n  from " : "\n  inlined at ";
    text += file->second + ":" + std::to_string(line->line);
    source.push_back({file->second, line->line});
  }
  return text;
}

void Block::report(Fault fault, const Warp& warp, int lane, const Step& step,
                   const std::string& text, const SharedMemory::Found* race) const {
  Report report;
  report.fault = fault;
  report.kernel = kernel_.shown_name;
  report.block = index_;
  report.thread = thread(warp, lane);
  report.thread_number = warp.index * kLanes + static_cast<std::uint32_t>(lane);
  report.text = std::string(name(fault)) + ": " + text + "\n  in " + kernel_.shown_name +
                ", block " + coordinates(index_) + ", thread " + coordinates(report.thread);
  if (step.written != nullptr) {
    report.ptx_line = step.written->line;
    report.instruction = on_one_line(step.written->text);
    report.text += "\n  at" + place_of(step, report.source);
  }
  if (race != nullptr && race->other_step != SharedMemory::kUnknownStep) {
    const Step& other = kernel_.steps[race->other_step];
    report.text += "\n  and " + named_thread(race->other) +
                   (race->other_wrote ? " wrote" : " read") + " at" +
                   place_of(other, report.other_source);
  }
  reports().add(std::move(report));
}

void Block::stop(Fault fault, LaunchStatus status, const Warp& warp, int lane, const Step& step,
                 const std::string& text) const {
  report(fault, warp, lane, step, text);
  throw Stop{status};
}

}  // namespace emulator
