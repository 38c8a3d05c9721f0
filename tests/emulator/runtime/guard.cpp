#include "runtime/guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "machine/report.h"

namespace emulator {
namespace {

struct sigaction former_action;

Address page_bytes() {
  static const auto bytes = static_cast<Address>(sysconf(_SC_PAGESIZE));
  return bytes;
}
Address page_down(Address address) { return address & ~(page_bytes() - 1); }
Address page_up(Address address) { return page_down(address + page_bytes() - 1); }

std::string hexadecimal(Address address) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  return text;
}

void report(std::string text) {
  Report race{};
  race.fault = Fault::host_race;
  race.text = std::move(text);
  reports().add(std::move(race));
}

void pass_on(int signal, siginfo_t* info, void* machine) {
  if ((former_action.sa_flags & SA_SIGINFO) != 0) {
    former_action.sa_sigaction(signal, info, machine);
  } else if (former_action.sa_handler != SIG_DFL && former_action.sa_handler != SIG_IGN) {
    former_action.sa_handler(signal);
  } else {
    sigaction(signal, &former_action, nullptr);  // the access faults again, and ends the process
  }
}

// The fault is synchronous and in the program's own code, so that locks and memory are usable here
// as anywhere else.
void on_segmentation_fault(int signal, siginfo_t* info, void* machine) {
  const auto address = reinterpret_cast<Address>(info->si_addr);
#if defined(__x86_64__)
  const auto error = static_cast<ucontext_t*>(machine)->uc_mcontext.gregs[REG_ERR];
  const bool is_write = (error & 2) != 0;
#else
  const bool is_write = false;
#endif
  HostGuard& guard = HostGuard::instance();
  if (guard.allow(address, is_write)) return;
  const std::string memory = guard.device_memory_at(address);
  if (!memory.empty())
    report("host race: the host dereferenced the device pointer " + hexadecimal(address) + ", " +
           memory);
  pass_on(signal, info, machine);
}

}  // namespace

HostGuard& HostGuard::instance() {
  static auto* guard = new HostGuard;  // a signal may come when the process is nearly gone
  return *guard;
}

void HostGuard::watch_device_memory(std::function<std::string(Address)> describe) {
  describe_device_memory_ = std::move(describe);
  watch_signal();
}

// Again at each use: a test framework or a sanitizer may have set a handler of its own meanwhile.
void HostGuard::watch_signal() {
  struct sigaction now;
  sigaction(SIGSEGV, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_segmentation_fault) return;
  former_action = now;
  struct sigaction ours = {};
  ours.sa_sigaction = on_segmentation_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGSEGV, &ours, nullptr);
}

// The strictest protection that the guards ask for each page.
void HostGuard::apply(Address begin, Address end) const {
  begin = page_down(begin);
  end = page_up(end);
  const auto set = [](Address from, Address to, int protection) {
    mprotect(reinterpret_cast<void*>(from), to - from, protection);
  };
  set(begin, end, PROT_READ | PROT_WRITE);
  if (is_lifted_) return;
  for (bool is_written : {false, true}) {
    for (const Guard& guard : guards_) {
      const Address from = std::max(begin, page_down(guard.begin));
      const Address to = std::min(end, page_up(guard.end));
      if (guard.is_written == is_written && !guard.is_open && from < to)
        set(from, to, is_written ? PROT_NONE : PROT_READ);
    }
  }
}

void HostGuard::protect(WorkId work, Address begin, std::uint64_t bytes, bool is_written,
                        const std::string& copy) {
  if (bytes == 0 || !protects) return;
  const std::lock_guard lock(mutex_);
  watch_signal();
  guards_.push_back({work, begin, begin + bytes, is_written, copy});
  if (!is_lifted_) apply(begin, begin + bytes);
}

void HostGuard::release(WorkId work) {
  const std::lock_guard lock(mutex_);
  std::vector<Guard> released;
  for (const Guard& guard : guards_) {
    if (guard.work == work) released.push_back(guard);
  }
  std::erase_if(guards_, [&](const Guard& guard) { return guard.work == work; });
  if (is_lifted_) return;  // its pages are open; restore() protects what is left
  for (const Guard& guard : released) apply(guard.begin, guard.end);
}

void HostGuard::lift() {
  const std::lock_guard lock(mutex_);
  if (is_lifted_) return;
  is_lifted_ = true;
  for (const Guard& guard : guards_) apply(guard.begin, guard.end);
}

void HostGuard::restore(const std::function<bool(WorkId)>& is_open) {
  const std::lock_guard lock(mutex_);
  if (!is_lifted_) return;
  is_lifted_ = false;
  for (Guard& guard : guards_) guard.is_open = is_open && is_open(guard.work);
  for (const Guard& guard : guards_) apply(guard.begin, guard.end);
}

bool HostGuard::allow(Address address, bool is_write) {
  const std::lock_guard lock(mutex_);
  const Address page = page_down(address), page_end = page + page_bytes();
  std::vector<Guard> kept;
  bool is_guarded = false;
  for (const Guard& guard : guards_) {
    if (guard.is_open || guard.end <= page || page_end <= guard.begin) {
      kept.push_back(guard);
      continue;
    }
    is_guarded = true;
    if (address < guard.begin || guard.end <= address || (!guard.is_written && !is_write)) {
      // A neighbour on the same page, which the host may touch: the copy keeps its other pages.
      if (guard.begin < page)
        kept.push_back({guard.work, guard.begin, page, guard.is_written, guard.copy});
      if (page_end < guard.end)
        kept.push_back({guard.work, page_end, guard.end, guard.is_written, guard.copy});
      continue;
    }
    report(std::string("host race: the host ") + (is_write ? "wrote" : "read") + " " +
           hexadecimal(address) + ", " + std::to_string(address - guard.begin) +
           " bytes into the memory that an unfinished " + guard.copy +
           (guard.is_written ? " writes" : " reads") +
           "\n  wait for it first: cudaStreamSynchronize, or an event after the copy");
  }
  if (!is_guarded) return false;
  std::vector<Guard> former = std::exchange(guards_, std::move(kept));
  for (const Guard& guard : former) {
    if (guard.begin < page_end && page < guard.end) apply(guard.begin, guard.end);
  }
  return true;
}

std::string HostGuard::device_memory_at(Address address) const {
  return describe_device_memory_ ? describe_device_memory_(address) : std::string();
}

}  // namespace emulator
