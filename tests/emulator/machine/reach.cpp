// Block: the gate to memory, and what it counts.
#include <algorithm>
#include <bit>

#include "machine/block.h"

namespace emulator {
namespace {

constexpr std::uint32_t kMostOfLane = 32;  // bytes that a load takes; more is a bulk copy
constexpr std::uint32_t kAlignmentInBulk = 16;

bool is_contiguous(const Address* addresses, Mask mask, std::uint32_t bytes) {
  if (mask != kAllLanes) return false;
  for (int lane = 1; lane < kLanes; ++lane) {
    if (addresses[lane] != addresses[lane - 1] + bytes) return false;
  }
  return true;
}

LaunchStatus status_of(Fault fault) {
  return fault == Fault::misaligned ? LaunchStatus::misaligned_address
                                    : LaunchStatus::illegal_address;
}

bool is_in(Address address, Address window) {
  return address >= window && address < window + kWindowBytes;
}

// Whether all of an access is inside; its end may be past the last of all addresses.
bool holds(std::uint64_t size, Address offset, std::uint32_t bytes) {
  return offset < size && bytes <= size - offset;
}

// "4 bytes into", or "4 bytes before" for an offset below zero.
std::string distance(Address offset) {
  const bool is_below = static_cast<std::int64_t>(offset) < 0;
  return std::to_string(is_below ? -offset : offset) + (is_below ? " bytes before" : " bytes into");
}

// An offset in the window of shared memory, by the memory that it has missed.
std::string place_in_shared(Address offset, std::uint32_t static_bytes,
                            std::uint32_t dynamic_bytes) {
  if (kWindowBytes / 2 <= offset && offset < kWindowBytes) offset -= kWindowBytes;  // 32 bits
  const bool is_nearer_to_static = static_cast<std::int64_t>(offset) < kDynamicShared / 2;
  if (dynamic_bytes == 0 || (static_bytes != 0 && is_nearer_to_static))
    return distance(offset) + " the " + std::to_string(static_bytes) +
           " bytes of static shared memory";
  return distance(offset - kDynamicShared) + " the " + std::to_string(dynamic_bytes) +
         " bytes of dynamic shared memory";
}

}  // namespace

void Block::reach(Warp& warp, const Step& step, Mask mask, const Address* addresses,
                  std::uint32_t bytes, AccessKind kind, const std::byte* data,
                  std::byte** pointers) {
  const std::uint32_t alignment = bytes <= kMostOfLane ? bytes : kAlignmentInBulk;
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    if (addresses[lane] % alignment == 0) continue;
    stop(Fault::misaligned, LaunchStatus::misaligned_address, warp, lane, step,
         "an access of " + std::to_string(bytes) + " bytes at an address that is " +
             std::to_string(addresses[lane] % alignment) + " bytes past a multiple of " +
             std::to_string(alignment));
  }
  if (step.space == Space::shared) {
    Address offsets[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      offsets[lane] =
          is_in(addresses[lane], kSharedWindow) ? addresses[lane] - kSharedWindow : addresses[lane];
    }
    return reach_shared(warp, step, mask, offsets, bytes, kind, data, pointers);
  }
  if (step.space == Space::local || step.space == Space::parameter ||
      step.space == Space::generic) {
    Mask rest = 0, in_shared = 0;
    Address offsets[kLanes] = {};
    for (Mask left = mask; left != 0; left &= left - 1) {
      const int lane = std::countr_zero(left);
      const Address address = addresses[lane];
      if (step.space == Space::parameter || is_in(address, kParameterWindow)) {
        const Address offset =
            is_in(address, kParameterWindow) ? address - kParameterWindow : address;
        if (!holds(running_.launch.parameters.size(), offset, bytes) || kind != AccessKind::load) {
          stop(Fault::out_of_bounds, LaunchStatus::illegal_address, warp, lane, step,
               "an access outside of the kernel's parameters");
        }
        pointers[lane] = const_cast<std::byte*>(running_.launch.parameters.data()) + offset;
      } else if (step.space == Space::local || is_in(address, kLocalWindow)) {
        const Address offset = is_in(address, kLocalWindow) ? address - kLocalWindow : address;
        if (!holds(kernel_.local_bytes, offset, bytes)) {
          stop(Fault::out_of_bounds, LaunchStatus::illegal_address, warp, lane, step,
               "an access " + distance(offset) + " the " + std::to_string(kernel_.local_bytes) +
                   " bytes of a thread's local memory");
        }
        pointers[lane] = warp.local + static_cast<std::size_t>(lane) * kernel_.local_bytes + offset;
        running_.counters.local_bytes += bytes;
      } else if (is_in(address, kSharedWindow)) {
        in_shared |= Mask{1} << lane;
        offsets[lane] = address - kSharedWindow;
      } else {
        rest |= Mask{1} << lane;
      }
    }
    if (in_shared != 0) reach_shared(warp, step, in_shared, offsets, bytes, kind, data, pointers);
    if (rest == 0) return;
    return reach_global(warp, step, rest, addresses, bytes, kind, pointers);
  }
  reach_global(warp, step, mask, addresses, bytes, kind, pointers);
}

void Block::reach_global(Warp& warp, const Step& step, Mask mask, const Address* addresses,
                         std::uint32_t bytes, AccessKind kind, std::byte** pointers) {
  const WorkId work = running_.launch.work;
  const bool is_write = kind != AccessKind::load;
  Touched touched;
  Manner manner{.element_bytes = step.width == 0 ? bytes : step.width};
  const auto access = [&](Address address, std::uint64_t count, AccessFault* fault) {
    if (kind == AccessKind::atomic) {
      // Reads as well; the first touch is counted as the write's.
      if (running_.memory.read(address, count, work, fault, nullptr, manner) == nullptr)
        return static_cast<std::byte*>(nullptr);
    }
    return is_write ? running_.memory.write(address, count, work, fault, &touched, manner)
                    : running_.memory.read(address, count, work, fault, &touched, manner);
  };
  bool is_done = false;
  if (is_contiguous(addresses, mask, bytes)) {
    AccessFault fault{};
    manner.only_if_sound = true;
    std::byte* const first = access(addresses[0], std::uint64_t{bytes} * kLanes, &fault);
    // Where something is wrong, the lanes are asked one by one, to name the threads.
    if (first != nullptr) {
      for (int lane = 0; lane < kLanes; ++lane)
        pointers[lane] = first + static_cast<std::ptrdiff_t>(lane) * bytes;
      is_done = true;
    }
  }
  manner.only_if_sound = false;
  for (Mask left = is_done ? 0 : mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    AccessFault fault{};
    pointers[lane] = access(addresses[lane], bytes, &fault);
    if (fault.detail.empty()) continue;
    if (pointers[lane] == nullptr)
      stop(fault.fault, status_of(fault.fault), warp, lane, step, fault.detail);
    report(fault.fault, warp, lane, step, fault.detail);
  }
  if (kind == AccessKind::atomic) return;
  count_global(addresses, mask, bytes, is_write, touched.first);
}

void Block::count_global(const Address* addresses, Mask mask, std::uint32_t bytes, bool is_write,
                         std::uint32_t first) {
  Traffic& traffic = is_write ? running_.counters.global_store : running_.counters.global_load;
  ++traffic.requests;
  traffic.bytes += static_cast<std::uint64_t>(std::popcount(mask)) * bytes;
  traffic.first_touch += first;
  Address sorted[kLanes];
  std::size_t count = 0;
  for (Mask left = mask; left != 0; left &= left - 1)
    sorted[count++] = addresses[std::countr_zero(left)];
  if (!std::is_sorted(sorted, sorted + count)) std::sort(sorted, sorted + count);
  std::uint64_t sectors = 0, distinct = 0;
  Address next_sector = 0, end = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Address begin = std::max(sorted[i], end), access_end = sorted[i] + bytes;
    if (access_end > begin) distinct += access_end - begin;
    end = std::max(end, access_end);
    const Address first_sector = std::max(sorted[i] / 32, next_sector),
                  last_sector = (access_end - 1) / 32;
    if (last_sector >= first_sector) {
      sectors += last_sector - first_sector + 1;
      next_sector = last_sector + 1;
    }
  }
  traffic.sectors += sectors;
  traffic.excess += sectors - (distinct + 31) / 32;
}

void Block::reach_shared(Warp& warp, const Step& step, Mask mask, const Address* offsets,
                         std::uint32_t bytes, AccessKind kind, const std::byte* data,
                         std::byte** pointers) {
  count_shared(offsets, mask, bytes);
  using Strength = SharedMemory::Strength;
  const Strength strength = step.is_strong || kind == AccessKind::atomic ? Strength::strong
                            : step.is_volatile                           ? Strength::is_volatile
                                                                         : Strength::plain;
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    pointers[lane] = shared_.at(offsets[lane], bytes);
    if (pointers[lane] == nullptr) {
      stop(Fault::out_of_bounds, LaunchStatus::illegal_address, warp, lane, step,
           std::to_string(bytes) + " bytes are accessed " +
               place_in_shared(offsets[lane], kernel_.shared_bytes,
                               running_.launch.dynamic_shared_bytes));
    }
    if (!shared_.checks_races && !shared_.checks_unwritten) continue;
    const std::uint32_t thread = warp.index * kLanes + static_cast<std::uint32_t>(lane);
    const SharedMemory::Access by{thread, step.index, strength};
    const auto check = [&](const SharedMemory::Found& found, bool is_write) {
      if (found.finding != SharedMemory::Finding::none) tell(found, is_write, warp, lane, step);
    };
    if (kind == AccessKind::load || kind == AccessKind::atomic)
      check(shared_.access(offsets[lane], bytes, by, false, nullptr), false);
    if (kind == AccessKind::load) continue;
    const std::byte* const mine =
        data == nullptr ? nullptr : data + static_cast<std::size_t>(lane) * bytes;
    if (kind == AccessKind::copy) {
      check(shared_.before_copy(offsets[lane], bytes, thread, mine), true);
      continue;
    }
    check(shared_.access(offsets[lane], bytes, by, true, mine), true);
    // Later lanes of the same step must see what this one wrote.
    if (mine != nullptr) std::copy(mine, mine + bytes, pointers[lane]);
  }
}

void Block::tell(const SharedMemory::Found& found, bool is_write, const Warp& warp, int lane,
                 const Step& step) const {
  const auto other = [&] {
    return named_thread(found.other) + (found.other_wrote ? " wrote" : " read");
  };
  switch (found.finding) {
    case SharedMemory::Finding::none: return;
    case SharedMemory::Finding::race:
      return report(Fault::shared_race, warp, lane, step,
                    std::string("a ") + (is_write ? "write" : "read") + " of shared memory that " +
                        other() + ", with no barrier between the two",
                    &found);
    case SharedMemory::Finding::early:
      return report(Fault::shared_race, warp, lane, step,
                    "an asynchronous copy to shared memory that " + other() +
                        " before the copy was waited for",
                    &found);
    case SharedMemory::Finding::unwritten:
      return report(Fault::unwritten, warp, lane, step,
                    "shared memory is read that no thread of the block has written");
  }
}

void Block::count_shared(const Address* offsets, Mask mask, std::uint32_t bytes) {
  ++running_.counters.shared_requests;
  // Accesses of 8 and 16 bytes are served to half and quarter warps in turn.
  const int lanes_at_once = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  for (int begin = 0; begin < kLanes; begin += lanes_at_once) {
    Address words[kLanes];
    std::size_t count = 0;
    for (int lane = begin; lane < begin + lanes_at_once; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      for (Address word = offsets[lane] / 4; word * 4 < offsets[lane] + bytes && count < kLanes;
           ++word)
        words[count++] = word;
    }
    if (count == 0) continue;
    std::sort(words, words + count);
    std::array<std::uint8_t, 32> in_bank{};
    std::uint8_t passes = 1;
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0 && words[i] == words[i - 1]) continue;
      passes = std::max(passes, ++in_bank[words[i] % 32]);
    }
    running_.counters.shared_conflicts += passes - 1u;
  }
}

}  // namespace emulator
