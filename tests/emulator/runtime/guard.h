// Keeps the host from memory that an unfinished copy still reads or writes.
//
// A copy from or to pinned memory runs late. Until then its pages are protected: an access of the
// host raises SIGSEGV, which is reported as a race, and the program goes on. Memory that the
// program registered itself is not protected: its pages may hold other things too, the stack even.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "machine/memory.h"

namespace emulator {

class HostGuard {
 public:
  // The process's only one: a signal handler must find it. Never destroyed.
  static HostGuard& instance();

  // Reports the host's use of device memory too, as long as `describe` gives a text for an address.
  // The access itself then goes the way it would have gone.
  void watch_device_memory(std::function<std::string(Address)> describe);

  bool protects = true;  // set before the first copy

  // Until release(work): the copy writes these bytes, or only reads them.
  void protect(WorkId work, Address begin, std::uint64_t bytes, bool is_written,
               const std::string& copy);
  void release(WorkId work);

  // While work runs, which may touch any pinned memory, and after. The memory of copies for which
  // `is_open` is true stays open.
  void lift();
  void restore(const std::function<bool(WorkId)>& is_open = {});

  // The handler's: whether the program may go on with an access that had faulted.
  bool allow(Address address, bool is_write);
  std::string device_memory_at(Address address) const;

 private:
  struct Guard {
    WorkId work;
    Address begin, end;
    bool is_written;
    std::string copy;
    bool is_open = false;
  };

  void watch_signal();
  void apply(Address begin, Address end) const;

  std::mutex mutex_;
  std::vector<Guard> guards_;
  bool is_lifted_ = false;
  std::function<std::string(Address)> describe_device_memory_;
};

}  // namespace emulator
