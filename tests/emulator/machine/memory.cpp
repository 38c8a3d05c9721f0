#include "machine/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "machine/padding.h"

namespace emulator {
namespace {

constexpr std::uint64_t kAlignment = 512;
// Addresses are not given out twice, so a device has many times those of its memory.
constexpr std::uint64_t kAddressesPerByte = 64;
// Behind each allocation nothing is for as many bytes as it has, up to these: an access that is off
// by one, or by a row, does not reach the next.
constexpr std::uint64_t kMostGap = 65536;
// How far from an allocation an access is still said to have missed it.
constexpr std::uint64_t kNear = std::uint64_t{1} << 32;
constexpr std::byte kPattern{0xa5};
constexpr std::uint32_t kWorkMask = kMostWork;

std::uint64_t rounded_up(std::uint64_t bytes, std::uint64_t to) {
  return (bytes + to - 1) / to * to;
}

std::string hexadecimal(Address address) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (; address != 0; address >>= 4) text.insert(text.begin(), kDigits[address & 15]);
  return "0x" + (text.empty() ? "0" : text);
}

// Bits [begin, begin + count) of a bitmap: all set? And: set them.
template <class F>
void each_word(std::uint64_t begin, std::uint64_t count, const F& f) {
  while (count != 0) {
    const std::uint64_t bit = begin % 64, here = std::min<std::uint64_t>(64 - bit, count);
    const std::uint64_t mask = (here == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << here) - 1)
                               << bit;
    if (!f(begin / 64, mask)) return;
    begin += here;
    count -= here;
  }
}

// What a read finds where nothing has written; done as late as this, so that an allocation of any
// size costs nothing before it is used.
void fill_unwritten(Allocation& allocation, std::uint64_t offset, std::uint64_t bytes) {
  each_word(offset, bytes, [&](std::uint64_t word, std::uint64_t mask) {
    std::uint64_t unwritten = mask & ~allocation.shadow.written[word];
    allocation.shadow.written[word] |= mask;
    std::byte* const at = allocation.view + word * 64;
    if (unwritten == ~std::uint64_t{0}) {
      std::memset(at, static_cast<int>(kPattern), 64);
      return true;
    }
    for (; unwritten != 0; unwritten &= unwritten - 1) at[std::countr_zero(unwritten)] = kPattern;
    return true;
  });
}

void keep_width(Shadow& shadow, std::uint64_t offset, std::uint64_t bytes, std::uint32_t width) {
  const auto first = shadow.width.begin() + static_cast<std::ptrdiff_t>(offset / 4);
  const auto last = shadow.width.begin() + static_cast<std::ptrdiff_t>((offset + bytes + 3) / 4);
  const auto kept = static_cast<std::uint8_t>(std::clamp(width, 1u, 8u));
  // Of several stores into one word the widest counts.
  if (width >= 4)
    std::fill(first, last, kept);
  else
    std::for_each(first, last, [&](std::uint8_t& word) { word = std::max(word, kept); });
}

}  // namespace

// Where a device's addresses lie, and where their contents do.
struct Memory::Range {
  Address begin = 0, end = 0, next = 0;
  std::ptrdiff_t to_view = 0;
  std::uint64_t used = 0, total = 0;
  bool holds(Address address) const { return address >= begin && address < end; }
};

Memory::Memory(int device_count, std::uint64_t device_bytes) {
  for (int device = 0; device < device_count; ++device) {
    const std::uint64_t bytes = device_bytes * kAddressesPerByte;
    void* addresses =
        mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void* view = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (addresses == MAP_FAILED || view == MAP_FAILED) throw std::bad_alloc();
    Range range;
    range.begin = range.next = reinterpret_cast<Address>(addresses);
    range.end = range.begin + bytes;
    range.to_view = static_cast<std::byte*>(view) - static_cast<std::byte*>(addresses);
    range.total = device_bytes;
    ranges_.push_back(range);
  }
}

Memory::~Memory() {
  for (const auto& [begin, allocation] : allocations_) {
    if (allocation->kind != MemoryKind::device && allocation->kind != MemoryKind::constant &&
        allocation->is_owned) {
      munmap(allocation->view, rounded_up(allocation->bytes, 4096));
    }
  }
  for (const Range& range : ranges_) {
    munmap(reinterpret_cast<void*>(range.begin), range.end - range.begin);
    munmap(reinterpret_cast<std::byte*>(range.begin) + range.to_view, range.end - range.begin);
  }
}

void Memory::set_order(Ordered ordered, Describe describe) {
  ordered_ = std::move(ordered);
  describe_ = std::move(describe);
  of_writer_ = of_reader_ = of_other_reader_ = {};
}

Address Memory::allocate(int device, std::uint64_t bytes, MemoryKind kind, std::string label) {
  Range& range = ranges_[static_cast<std::size_t>(device)];
  const std::uint64_t held = std::max<std::uint64_t>(bytes, 1);
  auto allocation = std::make_unique<Allocation>();
  allocation->bytes = held;
  allocation->kind = kind;
  allocation->device = device;
  allocation->label = std::move(label);
  if (kind == MemoryKind::device || kind == MemoryKind::constant) {
    const std::uint64_t reserved = rounded_up(held, kAlignment);
    if (held > range.total || range.used + reserved > range.total) return 0;
    if (range.next + reserved > range.end) return 0;
    allocation->begin = range.next;
    allocation->view = reinterpret_cast<std::byte*>(range.next) + range.to_view;
    range.next += reserved + std::min(reserved, kMostGap);
    range.used += reserved;
  } else {
    void* host = mmap(nullptr, rounded_up(held, 4096), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (host == MAP_FAILED) return 0;
    allocation->begin = reinterpret_cast<Address>(host);
    allocation->view = static_cast<std::byte*>(host);
    allocation->is_owned = true;
  }
  const Address begin = allocation->begin;
  allocations_[begin] = std::move(allocation);
  last_ = nullptr;
  return begin;
}

void Memory::adopt(void* host, std::uint64_t bytes, std::string label) {
  auto allocation = std::make_unique<Allocation>();
  allocation->begin = reinterpret_cast<Address>(host);
  allocation->bytes = bytes;
  allocation->kind = MemoryKind::pinned;
  allocation->view = static_cast<std::byte*>(host);
  allocation->label = std::move(label);
  allocations_[allocation->begin] = std::move(allocation);
  last_ = nullptr;
}

bool Memory::free(Address begin, WorkId by) {
  const auto found = allocations_.find(begin);
  if (found == allocations_.end() || !found->second->is_live()) return false;
  Allocation& allocation = *found->second;
  last_ = nullptr;
  if (allocation.kind != MemoryKind::device && allocation.kind != MemoryKind::constant) {
    if (allocation.is_owned) munmap(allocation.view, rounded_up(allocation.bytes, 4096));
    allocations_.erase(found);  // the system gives these addresses out again
    return true;
  }
  allocation.life = Allocation::Life::freed;
  allocation.by = by;
  allocation.shadow = {};
  const std::uint64_t reserved = rounded_up(allocation.bytes, kAlignment);
  ranges_[static_cast<std::size_t>(allocation.device)].used -= reserved;
  const auto first = rounded_up(reinterpret_cast<std::uintptr_t>(allocation.view), 4096);
  const auto end = (reinterpret_cast<std::uintptr_t>(allocation.view) + reserved) / 4096 * 4096;
  if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  return true;
}

void Memory::set_life(Address begin, Allocation::Life life, WorkId by) {
  const auto found = allocations_.find(begin);
  if (found == allocations_.end()) return;
  found->second->life = life;
  found->second->by = by;
}

void Memory::forget(Address begin) {
  allocations_.erase(begin);
  last_ = nullptr;
}

Allocation* Memory::nearest(Address address) {
  if (last_ != nullptr && address >= last_->begin && address < last_->end()) return last_;
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return nullptr;
  return std::prev(after)->second.get();
}

Allocation* Memory::find(Address address) {
  Allocation* allocation = nearest(address);
  return allocation != nullptr && address < allocation->end() ? allocation : nullptr;
}

Allocation* Memory::live(Address address) {
  Allocation* allocation = find(address);
  return allocation != nullptr && allocation->is_live() ? allocation : nullptr;
}

std::uint64_t Memory::used_bytes(int device) const {
  return ranges_[static_cast<std::size_t>(device)].used;
}
std::uint64_t Memory::total_bytes(int device) const {
  return ranges_[static_cast<std::size_t>(device)].total;
}
bool Memory::is_device_address(Address address) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return range.holds(address); });
}

std::byte* Memory::read(Address address, std::uint64_t bytes, WorkId work, AccessFault* fault,
                        Touched* touched, Manner manner) {
  return access(address, bytes, work, false, fault, touched, manner);
}

std::byte* Memory::write(Address address, std::uint64_t bytes, WorkId work, AccessFault* fault,
                         Touched* touched, Manner manner) {
  return access(address, bytes, work, true, fault, touched, manner);
}

// Where an address lies that no allocation holds, or holds in part: by the nearest one.
std::string Memory::missed(Address address) const {
  const auto after = allocations_.upper_bound(address);
  const Allocation* const next = after == allocations_.end() ? nullptr : after->second.get();
  const Allocation* const former =
      after == allocations_.begin() ? nullptr : std::prev(after)->second.get();
  const std::uint64_t to_next = next == nullptr ? kNear : next->begin - address;
  const std::uint64_t past = former == nullptr         ? kNear
                             : address < former->end() ? 0
                                                       : address - former->end();
  const auto whole = [](const Allocation& of) {
    return " the " + std::to_string(of.bytes) + " bytes of " + of.label;
  };
  if (past < kNear && past <= to_next)
    return std::to_string(address - former->begin) + " bytes into" + whole(*former);
  if (to_next < kNear) return std::to_string(to_next) + " bytes before" + whole(*next);
  return "where no memory is";
}

std::byte* Memory::access(Address address, std::uint64_t bytes, WorkId work, bool is_write,
                          AccessFault* fault, Touched* touched, Manner manner) {
  Allocation* const allocation = nearest(address);
  const char* const verb = is_write ? "written" : "read";
  // The last bytes of all addresses are no memory's: the sum of the two might be 0.
  const bool is_inside =
      allocation != nullptr && address < allocation->end() && bytes <= allocation->end() - address;
  if (!is_inside || !allocation->is_live()) {
    *fault = {Fault::out_of_bounds, address, bytes, {}};
    std::string text =
        std::to_string(bytes) + " bytes at " + hexadecimal(address) + " are " + verb + ", ";
    if (allocation != nullptr && address < allocation->end() && !allocation->is_live()) {
      const bool is_freed = allocation->life == Allocation::Life::freed;
      if (is_freed) fault->fault = Fault::use_after_free;
      text += std::to_string(address - allocation->begin) + " bytes into the " +
              std::to_string(allocation->bytes) + " bytes of " + allocation->label + ", which " +
              (allocation->by != kHost ? describe_(allocation->by)
               : is_freed              ? "the host"
                                       : "its graph") +
              (is_freed ? " freed" : " has yet to allocate");
    } else {
      text += missed(address);
    }
    fault->detail = std::move(text);
    return nullptr;
  }
  last_ = allocation;
  const std::uint64_t offset = address - allocation->begin;
  std::byte* const view = allocation->view + offset;
  // The host writes pinned and managed memory without asking, so nothing is known of it.
  if (allocation->kind != MemoryKind::device && allocation->kind != MemoryKind::constant)
    return view;

  Shadow& shadow = allocation->shadow;
  if (shadow.written.empty()) {
    shadow.written.resize((allocation->bytes + 63) / 64);
    shadow.width.resize((allocation->bytes + 3) / 4);
    shadow.writer.resize((allocation->bytes + 3) / 4);
    shadow.reader.resize((allocation->bytes + 3) / 4);
  }
  if (is_write) {
    each_word(offset, bytes, [&](std::uint64_t word, std::uint64_t mask) {
      shadow.written[word] |= mask;
      return true;
    });
    keep_width(shadow, offset, bytes, manner.element_bytes);
  } else {
    bool is_written = true;
    each_word(offset, bytes, [&](std::uint64_t word, std::uint64_t mask) {
      is_written = (mask & ~shadow.written[word]) == 0;
      return is_written;
    });
    const std::uint64_t end = offset + bytes;
    const bool is_of_bytes = manner.element_bytes == 1 && bytes > 1;
    const std::uint64_t at =
        is_written || !checks_writes ? end : first_unwritten(*allocation, offset, end, is_of_bytes);
    if (at != end && manner.only_if_sound) {
      fault->fault = Fault::unwritten;
      return nullptr;
    }
    if (!is_written) fill_unwritten(*allocation, offset, bytes);  // told once
    if (at != end) {
      *fault = {Fault::unwritten, allocation->begin + at, bytes,
                std::to_string(bytes) + " bytes at " + hexadecimal(address) +
                    " are read, of which nothing has written byte " + std::to_string(at) +
                    " of the " + std::to_string(allocation->bytes) + " bytes of " +
                    allocation->label};
    }
  }
  if (!record(*allocation, offset, bytes, work, is_write, fault, touched, manner.only_if_sound))
    return nullptr;
  return view;
}

bool Memory::is_ordered(WorkId before, WorkId work, Answer& last) {
  if (before == work || before == kHost || work == kHost) return true;
  if (last.before != before || last.work != work)
    last = {before, work, !ordered_ || ordered_(before, work)};
  return last.is_ordered;
}

bool Memory::record(Allocation& allocation, std::uint64_t offset, std::uint64_t bytes, WorkId work,
                    bool is_write, AccessFault* fault, Touched* touched, bool only_if_sound) {
  Shadow& shadow = allocation.shadow;
  ZeroedVector<std::uint32_t>& mine = is_write ? shadow.writer : shadow.reader;
  const std::uint64_t end = offset + bytes;
  std::uint32_t first_touched = 0;
  const std::uint32_t whole = work | 0xf000'0000u;
  for (std::uint64_t word = offset / 4; word * 4 < end; ++word) {
    const std::uint64_t begin_here = std::max(offset, word * 4),
                        end_here = std::min(end, word * 4 + 4);
    const std::uint32_t mask = ((1u << (end_here - begin_here)) - 1) << (begin_here - word * 4);
    const std::uint32_t writer = shadow.writer[word];
    std::uint32_t reader = shadow.reader[word];
    if (checks_order) {
      // A write is unordered with reads and writes, a read with writes.
      const bool of_writer =
          (writer >> 28 & mask) != 0 && !is_ordered(writer & kWorkMask, work, of_writer_);
      bool of_reader = is_write && (reader >> 28 & mask) != 0 &&
                       !is_ordered(reader & kWorkMask, work, of_reader_);
      if (is_write && !of_reader && !shadow.other_reader.empty()) {
        reader = shadow.other_reader[word];
        of_reader =
            (reader >> 28 & mask) != 0 && !is_ordered(reader & kWorkMask, work, of_other_reader_);
      }
      if ((of_writer || of_reader) && only_if_sound) {
        fault->fault = Fault::unordered;
        if (touched != nullptr) touched->first += first_touched;
        return false;
      }
      if ((of_writer || of_reader) && fault->detail.empty()) {
        const WorkId other = (of_writer ? writer : reader) & kWorkMask;
        *fault = {Fault::unordered,
                  std::max(allocation.begin + offset, allocation.begin + word * 4), bytes,
                  std::to_string(bytes) + " bytes at " + hexadecimal(allocation.begin + offset) +
                      " (byte " + std::to_string(offset) + " of " + allocation.label + ") are " +
                      (is_write ? "written" : "read") + " by " + describe_(work) + " and " +
                      (of_writer ? "written" : "read") + " by " + describe_(other) +
                      ", and no stream, event or wait orders the two"};
      }
    }
    std::uint32_t& last = mine[word];
    if ((last & kWorkMask) == work) {
      first_touched += static_cast<std::uint32_t>(std::popcount(mask & ~(last >> 28)));
      last |= mask << 28;
    } else {
      if (checks_order && !is_write && last != 0 &&
          !is_ordered(last & kWorkMask, work, of_reader_)) {
        if (shadow.other_reader.empty()) shadow.other_reader.resize(shadow.reader.size());
        shadow.other_reader[word] = last;
      }
      first_touched += static_cast<std::uint32_t>(std::popcount(mask));
      last = mask == 0xf ? whole : work | mask << 28;
    }
  }
  if (touched != nullptr) touched->first += first_touched;
  return true;
}

}  // namespace emulator
