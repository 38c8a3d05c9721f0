// Where values live and are computed, and what each device has done so far.
#pragma once

#include <tendon/export.h>
#include <tendon/place.h>

#include <cstdint>
#include <iosfwd>
#include <vector>

namespace tendon {

class TENDON_API Device {
 public:
  static Device cpu();
  // DeviceError that says why when there is none.
  static Device cuda(int index = 0, Place = Place::current());
  static Device best();  // the first usable CUDA device, else cpu()
  static std::vector<Device> available();

  bool is_cpu() const { return index_ < 0; }
  int index() const { return index_ < 0 ? 0 : index_; }
  friend bool operator==(const Device&, const Device&) = default;

 private:
  explicit constexpr Device(int index) : index_(index) {}
  int index_;  // -1: the CPU
};
TENDON_API std::ostream& operator<<(std::ostream&, const Device&);  // cpu, cuda:0

// TENDON_DEVICE=cpu|cuda|cuda:N sets it from outside, else best(). DeviceError where that names
// none.
TENDON_API Device default_device();
TENDON_API void set_default_device(Device);

// Waits until everything submitted to the device has finished. Throws what a computation met
// meanwhile, an index out of range, if no reading of a value has thrown it yet.
TENDON_API void synchronize(Device);

// Gives memory that is only kept for later values back to the system: blocks that no value holds,
// and the working memory of plans that nobody is running, whose next run takes it anew. Values
// stay, and so does what was submitted, for which it waits on a CUDA device.
TENDON_API void empty_cache(Device);

// Since the start of the process, but bytes_allocated and bytes_kept, which are as of now.
struct Counters {
  std::int64_t runs = 0;              // plans executed
  std::int64_t ops = 0;               // tape ops computed
  std::int64_t launches = 0;          // stages executed: kernels and library calls
  std::int64_t plans_built = 0;       // plans made
  std::int64_t plans_found = 0;       // plans taken from the cache
  std::int64_t kernels_compiled = 0;  // by NVRTC
  std::int64_t kernels_from_disk = 0;
  std::int64_t bytes_allocated = 0;  // device memory held by values now
  std::int64_t bytes_kept = 0;       // held for later values; empty_cache() gives it back
  std::int64_t peak_bytes = 0;       // the most that bytes_allocated has been
  std::int64_t host_reads = 0;       // item(), to_vector()
  // Host memory of the logs that explanations are made from, of all threads and of the gradients
  // that hold parts of them, now. The same for every device.
  std::int64_t log_bytes = 0;
};
TENDON_API Counters counters(Device);

}  // namespace tendon
