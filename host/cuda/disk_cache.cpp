#include "host/cuda/disk_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "host/cuda/jit_headers.h"

namespace tendon::cuda {
namespace {

constexpr char kMagic[8] = {'t', 'e', 'n', 'd', 'o', 'n', '\0', 'k'};
constexpr std::uint32_t kFormat = 3;
constexpr std::string_view kEnding = ".kernel";
constexpr std::string_view kUnfinished = ".partial";

// What an entry begins with; the machine code follows.
struct Header {
  char magic[8];
  std::uint32_t format;
  std::int16_t register_count;
  std::int16_t barrier_count;
  std::int32_t spilled_bytes;
  std::int32_t shared_bytes;
  std::uint64_t key_check;
  std::uint64_t code_bytes;
  std::uint64_t checksum;  // of all of the above and the code
};
static_assert(sizeof(Header) == 48);

std::uint64_t checksum_of(const Header& header, std::span<const char> code) {
  return XXH3_64bits_withSeed(code.data(), code.size(),
                              XXH3_64bits(&header, offsetof(Header, checksum)));
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

  bool read(std::span<char> into) const {
    while (!into.empty()) {
      const ssize_t count = ::read(descriptor_, into.data(), into.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      into = into.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }
  bool write(std::span<const char> from) const {
    while (!from.empty()) {
      const ssize_t count = ::write(descriptor_, from.data(), from.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      from = from.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }
  // A full disk may be found as late as this.
  bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

 private:
  int descriptor_;
};

std::string reason(int error) { return std::generic_category().message(error); }

void say_once(const std::string& line) {
  static std::mutex mutex;
  static auto* said = new std::set<std::string>;
  const std::scoped_lock lock(mutex);
  if (said->insert(line).second) fmt::print(stderr, "tendon: {}\n", line);
}

// Whether nobody but this user can have written to it.
bool is_private(const struct stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// The folder, created where there is none; -1, and why, where it cannot be used.
int open_private(const std::filesystem::path& path, std::string& why) {
  if (path.empty()) {
    why = "HOME is not set";
    return -1;
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::absolute(path).parent_path(), error);
  ::mkdir(path.c_str(), S_IRWXU);
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  why = fmt::format("{}: {}", path.string(), reason(errno));
  if (folder < 0) return -1;
  struct stat status = {};
  if (::fstat(folder, &status) == 0 && is_private(status)) return folder;
  ::close(folder);
  why = path.string() + " is another user's, or others can write to it";
  return -1;
}

struct Entry {
  std::string name;
  struct stat status;
};

// The cache's own files in its folder, unfinished ones among them.
std::vector<Entry> entries_of(int folder) {
  std::vector<Entry> entries;
  // A descriptor of its own: the position in the folder is shared among copies of one.
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(own), ::closedir);
  while (const dirent* found = listing ? ::readdir(listing.get()) : nullptr) {
    Entry entry{found->d_name, {}};
    if (!entry.name.ends_with(kEnding) && !entry.name.ends_with(kUnfinished)) continue;
    if (::fstatat(folder, found->d_name, &entry.status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISREG(entry.status.st_mode)) entries.push_back(std::move(entry));
  }
  return entries;
}

std::string entry_name(const CacheKey& key, int compiler_version) {
  return fmt::format("{}-{}{}", key.name, compiler_version, kEnding);
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

CacheKey cache_key(const KernelText& kernel, const Target& target) {
  // Lengths keep apart what lies side by side.
  static const std::string pieces = [] {
    std::string all;
    for (const JitHeader& header : jit_headers()) {
      const std::string_view text = header.text;
      all += fmt::format("{} {}\n{}", header.name, text.size(), text);
    }
    return all;
  }();
  std::string whole;
  for (const std::string& option : compile_options(target)) whole += option + '\n';
  whole += fmt::format("{} {}\n{} {}\n{}", kernel.name, kernel.resident_blocks, kernel.text.size(),
                       kernel.text, pieces);
  const XXH128_hash_t hash = XXH3_128bits(whole.data(), whole.size());
  return {fmt::format("{:016x}{:016x}", hash.high64, hash.low64),
          XXH64(whole.data(), whole.size(), kFormat)};
}

DiskCacheSettings DiskCacheSettings::of_environment() {
  DiskCacheSettings settings;
  const std::filesystem::path shared = variable("XDG_CACHE_HOME");
  if (const std::string own = variable("TENDON_CACHE_DIR"); !own.empty()) {
    settings.folder = own;
  } else if (shared.is_absolute()) {
    settings.folder = shared / "tendon";
  } else if (const std::string home = variable("HOME"); !home.empty()) {
    settings.folder = std::filesystem::path(home) / ".cache" / "tendon";
  }
  if (const std::string bytes = variable("TENDON_CACHE_BYTES"); !bytes.empty()) {
    std::int64_t number = 0;
    const char* end = bytes.data() + bytes.size();
    const auto [rest, error] = std::from_chars(bytes.data(), end, number);
    if (error == std::errc{} && rest == end && number >= 0) {
      settings.most_bytes = number;
    } else {
      say_once(fmt::format(
          "TENDON_CACHE_BYTES is '{}'; it must be a number of bytes, 0 or more. Taking {}.", bytes,
          settings.most_bytes));
    }
  }
  return settings;
}

DiskCache::DiskCache(const DiskCacheSettings& settings)
    : path_(settings.folder.string()), most_bytes_(settings.most_bytes) {
  if (most_bytes_ == 0) return;
  std::string why;
  folder_ = open_private(settings.folder, why);
  if (!is_usable()) {
    say_once("compiled kernels are not kept on disk: " + why +
             "; TENDON_CACHE_DIR names the folder");
  }
}

DiskCache::~DiskCache() {
  if (folder_ >= 0) ::close(folder_);
}

DiskCache::Lookup DiskCache::find(const CacheKey& key, std::optional<int> compiler_version) const {
  if (!is_usable()) return {std::nullopt, "there is no cache"};
  if (compiler_version) return read(entry_name(key, *compiler_version), key);
  for (const Entry& entry : entries_of(folder_)) {
    if (!entry.name.starts_with(key.name) || !entry.name.ends_with(kEnding)) continue;
    if (Lookup found = read(entry.name, key); found.code) return found;
  }
  return {std::nullopt, "not in the cache"};
}

DiskCache::Lookup DiskCache::read(const std::string& name, const CacheKey& key) const {
  const auto missed = [](const char* why) { return Lookup{std::nullopt, why}; };
  const File file(::openat(folder_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status = {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return missed("not in the cache");
  if (!S_ISREG(status.st_mode) || !is_private(status))
    return missed("the entry is not this user's");

  Header header = {};
  if (!file.read({reinterpret_cast<char*>(&header), sizeof(header)})) {
    return missed("the entry is truncated");
  }
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) return missed("the entry is corrupt");
  if (header.format != kFormat) return missed("of another version");
  const std::uint64_t there = static_cast<std::uint64_t>(status.st_size) - sizeof(header);
  if (there < header.code_bytes) return missed("the entry is truncated");
  if (there > header.code_bytes) return missed("the entry is corrupt");
  MachineCode code;
  code.bytes.resize(header.code_bytes);
  if (!file.read(code.bytes)) return missed("the entry is truncated");
  if (header.checksum != checksum_of(header, code.bytes)) return missed("the entry is corrupt");
  if (header.key_check != key.check) return missed("the entry is of another kernel");
  code.register_count = header.register_count;
  code.spilled_bytes = header.spilled_bytes;
  code.shared_bytes = header.shared_bytes;
  code.barrier_count = header.barrier_count;
  ::futimens(file.get(), nullptr);  // used now: drop_oldest goes by it
  return {std::move(code), ""};
}

void DiskCache::save(const CacheKey& key, int compiler_version, const MachineCode& code) const {
  const auto size = static_cast<std::int64_t>(sizeof(Header) + code.bytes.size());
  if (!is_usable() || size > most_bytes_) return;
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.format = kFormat;
  header.register_count = static_cast<std::int16_t>(code.register_count);
  header.spilled_bytes = code.spilled_bytes;
  header.shared_bytes = code.shared_bytes;
  header.barrier_count = static_cast<std::int16_t>(code.barrier_count);
  header.key_check = key.check;
  header.code_bytes = code.bytes.size();
  header.checksum = checksum_of(header, code.bytes);

  static std::atomic<unsigned> count = 0;
  const std::string name = entry_name(key, compiler_version);
  const std::string unfinished =
      fmt::format("{}.{}.{}{}", key.name, ::getpid(), count++, kUnfinished);
  File file(::openat(folder_, unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                     S_IRUSR | S_IWUSR));
  const bool is_saved = file.is_open() &&
                        file.write({reinterpret_cast<const char*>(&header), sizeof(header)}) &&
                        file.write(code.bytes) && file.close() &&
                        ::renameat(folder_, unfinished.c_str(), folder_, name.c_str()) == 0;
  if (is_saved) return drop_oldest(name);
  say_once(fmt::format("compiled kernels are not kept in {}: {}", path_, reason(errno)));
  ::unlinkat(folder_, unfinished.c_str(), 0);
}

void DiskCache::drop_oldest(const std::string& kept) const {
  std::vector<Entry> entries = entries_of(folder_);
  std::int64_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.status.st_size;
  if (bytes <= most_bytes_) return;
  std::ranges::sort(entries, {}, [](const Entry& entry) {
    return std::pair(entry.status.st_mtim.tv_sec, entry.status.st_mtim.tv_nsec);
  });
  for (const Entry& entry : entries) {
    if (bytes <= most_bytes_) return;
    if (entry.name == kept) continue;
    if (::unlinkat(folder_, entry.name.c_str(), 0) == 0) bytes -= entry.status.st_size;
  }
}

}  // namespace tendon::cuda
