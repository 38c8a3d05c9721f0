// save and load: tensors to safetensors files and back. The file system's side of it; the header is
// host/support/safetensors.h.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <tendon/error.h>
#include <tendon/safetensors.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/support/safetensors.h"
#include "host/support/text.h"

namespace tendon {
namespace {

using support::SafetensorsEntry;
using support::SafetensorsHeader;

std::string system_text(int code) { return std::generic_category().message(code); }

// Which call of which file, for messages.
struct Call {
  const char* name;
  const std::filesystem::path& path;
  Place place;

  template <class... Arguments>
  [[noreturn]] void fail(fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    throw Error(message(fmt::format(text, std::forward<Arguments>(arguments)...)));
  }
  std::string message(std::string_view what) const {
    return fmt::format("{}{}: {}: {}", name, support::at(place), path.string(), what);
  }
};

// A file descriptor, closed with the object.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int operator*() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

// Error for what rename() would replace, or a read would never end on.
void check_regular(const struct ::stat& status, const Call& call) {
  if (S_ISDIR(status.st_mode)) call.fail("it is a folder");
  if (!S_ISREG(status.st_mode)) call.fail("it is no regular file");
}

// ---- Reading

class Input {
 public:
  explicit Input(Call call)
      : call_(call), file_(::open(call.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    struct ::stat status {};
    if (!file_.is_open() || ::fstat(*file_, &status) != 0) call_.fail("{}", system_text(errno));
    check_regular(status, call_);
    bytes_ = static_cast<std::uint64_t>(status.st_size);
    read_header();
  }
  const SafetensorsHeader& header() const { return header_; }

  std::vector<unsigned char> values_of(const SafetensorsEntry& entry) const {
    std::vector<unsigned char> values;
    try {
      values.resize(entry.end - entry.begin);
    } catch (const std::bad_alloc&) {
      throw OutOfMemory(call_.message(fmt::format("no memory on the host for tensor '{}', {} {}",
                                                  entry.name, entry.dtype, entry.shape)),
                        static_cast<std::int64_t>(entry.end - entry.begin),
                        counters(Device::cpu()).bytes_allocated, -1);
    }
    read(values.data(), values.size(), values_at_ + entry.begin);
    if (entry.dtype == DType::boolean) {
      const auto wrong = std::ranges::find_if(values, [](unsigned char byte) { return byte > 1; });
      if (wrong != values.end()) {
        call_.fail("element {} of tensor '{}' is {}; a BOOL is 0 or 1", wrong - values.begin(),
                   entry.name, *wrong);
      }
    }
    return values;
  }

 private:
  void read_header() {
    std::array<unsigned char, support::kSafetensorsPrefix> prefix{};
    read(prefix.data(), std::min<std::uint64_t>(prefix.size(), bytes_), 0);
    try {
      std::string text(support::safetensors_header_bytes(prefix, bytes_), '\0');
      values_at_ = prefix.size() + text.size();
      read(text.data(), text.size(), prefix.size());
      header_ = support::parse_safetensors(text, bytes_ - values_at_);
    } catch (const Error& error) {
      call_.fail("{}", error.what());
    }
  }

  void read(void* destination, std::uint64_t bytes, std::uint64_t at) const {
    auto* to = static_cast<unsigned char*>(destination);
    while (bytes > 0) {
      const ssize_t count = ::pread(*file_, to, bytes, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) call_.fail("{}", system_text(errno));
      if (count == 0) call_.fail("it became shorter while it was read");
      to += count;
      at += static_cast<std::uint64_t>(count);
      bytes -= static_cast<std::uint64_t>(count);
    }
  }

  Call call_;
  Descriptor file_;
  std::uint64_t bytes_ = 0;
  std::uint64_t values_at_ = 0;
  SafetensorsHeader header_;
};

// ---- Writing

// The file that a path leads to through symbolic links, which stay; it need not be there.
std::filesystem::path behind_links(const Call& call) {
  constexpr int kMostLinks = 40;
  std::filesystem::path file = call.path;
  std::error_code error;
  for (int i = 0; std::filesystem::is_symlink(file, error); ++i) {
    if (i == kMostLinks) call.fail("{}", system_text(ELOOP));
    file = file.parent_path() / std::filesystem::read_symlink(file, error);
    if (error) call.fail("{}", error.message());
  }
  return file;
}

// The permissions of the file that is there; none where there is none. Error where it may not be
// written.
std::optional<mode_t> permissions(const std::filesystem::path& path, const Call& call) {
  struct ::stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  check_regular(status, call);
  if (::access(path.c_str(), W_OK) != 0) call.fail("it cannot be written: {}", system_text(errno));
  return status.st_mode & 07777;
}

// A file beside the one that it will replace; removed unless it does. It has one name, so that what
// a killed process leaves is written over by the next; who saves to the same file waits.
class Output {
 public:
  explicit Output(Call call)
      : call_(call),
        path_(behind_links(call)),
        permissions_(permissions(path_, call)),
        part_(path_.string() + ".part"),
        file_(open_locked()) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    if (!is_there_) ::unlink(part_.c_str());
  }

  void write(const void* source, std::size_t bytes) {
    const auto* from = static_cast<const unsigned char*>(source);
    while (bytes > 0) {
      const ssize_t count = ::write(*file_, from, bytes);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(errno);
      from += count;
      bytes -= static_cast<std::size_t>(count);
    }
  }

  void finish() {
    if (permissions_ && ::fchmod(*file_, *permissions_) != 0) fail(errno);
    if (::fsync(*file_) != 0) fail(errno);
    if (::rename(part_.c_str(), path_.c_str()) != 0) fail(errno);
    is_there_ = true;
    // The new name is on the disk when the folder is; some file systems cannot be asked for that.
    const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
    const Descriptor names(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (names.is_open()) static_cast<void>(::fsync(*names));
  }

 private:
  // Opens part_, empty, with the lock on it. Another may have given it its name meanwhile.
  int open_locked() {
    while (true) {
      const int file =
          ::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
      if (file < 0) fail_to_open(errno);
      Descriptor opened(file);
      struct ::stat mine {};
      struct ::stat there {};
      if (::fstat(file, &mine) != 0) fail_to_open(errno);
      if (!S_ISREG(mine.st_mode)) call_.fail("{} is in the way", part_);
      int locked = 0;
      do {
        locked = ::flock(file, LOCK_EX);
      } while (locked != 0 && errno == EINTR);
      if (locked != 0) fail_to_open(errno);
      if (::stat(part_.c_str(), &there) != 0 || there.st_ino != mine.st_ino ||
          there.st_dev != mine.st_dev)
        continue;
      if (::ftruncate(file, 0) != 0) fail_to_open(errno);
      return opened.release();
    }
  }
  [[noreturn]] void fail_to_open(int code) const {
    call_.fail("it cannot be written: {}: {}", part_, system_text(code));
  }
  [[noreturn]] void fail(int code) const {
    call_.fail("it cannot be written: {}; what was there is unchanged", system_text(code));
  }

  Call call_;
  std::filesystem::path path_;
  std::optional<mode_t> permissions_;
  std::string part_;
  Descriptor file_;
  bool is_there_ = false;
};

}  // namespace

void save(const std::filesystem::path& path, const detail::List<NamedTensor>& tensors,
          const Metadata& metadata, Place place) {
  const Call call{"save", path, place};
  const record::Suspend suspend;
  SafetensorsHeader header{{}, metadata};
  support::PoolVector<record::Node*> nodes;
  for (const NamedTensor& tensor : tensors) {
    if (tensor.value.is_empty_handle()) call.fail("tensor '{}' is empty", tensor.name);
    nodes.push_back(tensor.value.node());
    header.entries.push_back({tensor.name, tensor.value.dtype(), tensor.value.shape()});
  }
  std::string text;
  try {
    text = support::write_safetensors(header);
  } catch (const Error& error) {
    call.fail("{}", error.what());
  }
  record::evaluate(nodes);

  std::vector<std::size_t> in_file(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) in_file[i] = i;
  std::ranges::stable_sort(in_file, {}, [&](std::size_t i) { return header.entries[i].begin; });
  Output output(call);
  output.write(text.data(), text.size());
  std::vector<unsigned char> values;
  for (const std::size_t i : in_file) {
    values.resize(header.entries[i].end - header.entries[i].begin);
    nodes[i]->value->copy_to_host(values.data());
    output.write(values.data(), values.size());
  }
  output.finish();
}

std::vector<NamedTensor> load(const std::filesystem::path& path, Place place) {
  const record::Suspend suspend;
  const Input input({"load", path, place});
  std::vector<NamedTensor> tensors;
  for (const SafetensorsEntry& entry : input.header().entries) {
    const std::vector<unsigned char> values = input.values_of(entry);
    tensors.push_back({entry.name, record::from_host(values.data(), {entry.dtype, entry.shape},
                                                     default_device(), place)});
  }
  return tensors;
}

Metadata load_metadata(const std::filesystem::path& path, Place place) {
  return Input({"load_metadata", path, place}).header().metadata;
}

}  // namespace tendon
