// Machine code on disk, for the processes to come. A folder that others can write to would let them
// choose what runs here, so it is the owner's alone or is not used; an entry that is not whole is
// never used. Where there is no usable folder, nothing is found or kept; why is said on stderr,
// once. Needs no device.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "host/cuda/nvrtc.h"

namespace tendon::cuda {

// Of a kernel's text, the headers that it may include, and the options it is compiled with.
struct CacheKey {
  std::string name;         // 32 hexadecimal digits
  std::uint64_t check = 0;  // a second hash
};
CacheKey cache_key(const KernelText& kernel, const Target& target);

struct DiskCacheSettings {
  std::filesystem::path folder;
  std::int64_t most_bytes = std::int64_t{256} << 20;  // of entries that are kept; 0: none are

  // TENDON_CACHE_DIR, else tendon in $XDG_CACHE_HOME, else in ~/.cache; TENDON_CACHE_BYTES.
  static DiskCacheSettings of_environment();
};

// From any number of threads and processes at once.
class DiskCache {
 public:
  // Creates the folder where there is none.
  explicit DiskCache(const DiskCacheSettings& settings);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  bool is_usable() const { return folder_ >= 0; }

  struct Lookup {
    std::optional<MachineCode> code;
    std::string why;  // there is none
  };
  // What a compiler of that version (Nvrtc::version) made; of any version where none is given.
  Lookup find(const CacheKey& key, std::optional<int> compiler_version) const;

  // Takes the place of what was there, at once as others see it, and drops the entries that were
  // not used for longest where there are too many bytes.
  void save(const CacheKey& key, int compiler_version, const MachineCode& code) const;

 private:
  Lookup read(const std::string& name, const CacheKey& key) const;
  void drop_oldest(const std::string& kept) const;

  std::string path_;
  std::int64_t most_bytes_;
  int folder_ = -1;  // a file descriptor
};

}  // namespace tendon::cuda
