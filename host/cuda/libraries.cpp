#include "host/cuda/libraries.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <tendon/error.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

namespace tendon::cuda {
namespace {

namespace fs = std::filesystem;

// The newest toolkit and Python first: 13.10 before 13.2.
std::vector<fs::path> entries_of(const fs::path& folder, const std::string& prefix) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with(prefix)) entries.push_back(at->path());
  }
  std::ranges::sort(entries, [](const fs::path& a, const fs::path& b) {
    return ::strverscmp(a.c_str(), b.c_str()) > 0;
  });
  return entries;
}

bool can_be_written_by_anybody(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) != 0;
}

// Of the file that is opened in the end.
bool is_safe(const fs::path& file) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (error) return false;
  return !can_be_written_by_anybody(real) && !can_be_written_by_anybody(real.parent_path()) &&
         !can_be_written_by_anybody(file.parent_path());
}

std::string path_of(void* library, const std::string& name) {
  const link_map* map = nullptr;
  return ::dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 ? map->l_name : name;
}

// The major version that stands behind "libnvrtc.so."; none where there is no such number.
std::optional<int> version_in_name(const LibraryKind& kind, const std::string& file) {
  if (file.size() <= kind.file.size() + 1) return std::nullopt;
  const int version = std::atoi(file.c_str() + kind.file.size() + 1);
  return version > 0 ? std::optional(version) : std::nullopt;
}

// Looks in one place after the other and notes what is amiss there.
class Search {
 public:
  explicit Search(const LibraryKind& kind) : kind_(kind) {}

  // By name in the loader's way, or by its full path.
  bool open(const std::string& name) {
    void* library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      note(::dlerror());
      return false;
    }
    OpenLibrary opened(library, path_of(library, name));
    const int major = kind_.major_of(library);
    if (major != kind_.major) {
      note_version(opened.path(), major == 0 ? "no version that it tells" : text(major));
      return false;
    }
    found_ = std::move(opened);
    return true;
  }

  bool open_file(const fs::path& file) {
    if (is_safe(file)) return open(file.string());
    note(file.string() + ": anybody may write it or its folder, so it is not opened");
    return false;
  }

  bool open_in(const std::string& folder) {
    std::vector<fs::path> files = entries_of(folder, kind_.file);
    // The one that is named as it should be before all others.
    std::ranges::stable_partition(
        files, [&](const fs::path& file) { return file.filename() == kind_.versioned_file(); });
    const std::size_t notes = notes_.size();
    for (const fs::path& file : files) {
      const std::string name = file.filename();
      const std::optional<int> version = version_in_name(kind_, name);
      if (name != kind_.file && !version) continue;
      if (version && *version != kind_.major) {
        note_version(file, text(*version));
      } else if (open_file(file)) {
        return true;
      }
    }
    if (notes_.size() == notes) note(folder + ": not there");
    return false;
  }

  void note(const std::string& text) { notes_ += "\n  " + text; }
  OpenLibrary take() { return std::move(found_); }
  const std::string& notes() const { return notes_; }

 private:
  static std::string text(int version) { return fmt::format("version {}", version); }
  void note_version(const std::string& path, const std::string& version) {
    note(fmt::format("{}: this {} has {}, and version {} is needed", path, kind_.name, version,
                     kind_.major));
  }

  const LibraryKind& kind_;
  OpenLibrary found_;
  std::string notes_;
};

}  // namespace

OpenLibrary::~OpenLibrary() {
  if (handle_ != nullptr) ::dlclose(handle_);
}

Surroundings surroundings() {
  Surroundings found{.cudart = "", .variable = ::getenv, .toolkits = "/usr/local"};
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&::cudaRuntimeGetVersion), &info) != 0 &&
      info.dli_fname != nullptr)
    found.cudart = info.dli_fname;
  return found;
}

std::vector<std::string> library_folders(const LibraryKind& kind, const Surroundings& around) {
  std::vector<std::string> folders;
  const auto add = [&](const fs::path& folder) {
    std::error_code error;
    if (!folder.is_absolute() || !fs::is_directory(folder, error)) return;
    const std::string text = folder.lexically_normal().string();
    if (std::ranges::find(folders, text) == folders.end()) folders.push_back(text);
  };
  // CUDA 13's packages share a folder; those before had one each.
  const auto add_packages = [&](const fs::path& nvidia) {
    add(nvidia / "cu13" / "lib");
    add(nvidia / kind.package / "lib");
  };
  const auto add_toolkit = [&](const fs::path& toolkit) {
    add(toolkit / "lib64");
    add(toolkit / "lib");
    add(toolkit / "targets/x86_64-linux/lib");
  };
  const auto value = [&](const char* name) {
    const char* found = around.variable(name);
    return fs::path(found == nullptr ? "" : found);
  };

  if (fs::path(around.cudart).is_absolute()) {
    std::error_code error;
    for (const fs::path& file : {fs::path(around.cudart), fs::canonical(around.cudart, error)}) {
      add(file.parent_path());
      // From site-packages/nvidia/cuda_runtime/lib.
      const fs::path nvidia = file.parent_path().parent_path().parent_path();
      if (nvidia.filename() == "nvidia") add_packages(nvidia);
    }
  }
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (!value(variable).empty()) add_toolkit(value(variable));
  }
  std::vector<fs::path> toolkits = entries_of(around.toolkits, "cuda");
  // "cuda" is the one that the machine's owner chose.
  std::ranges::stable_partition(toolkits,
                                [](const fs::path& path) { return path.filename() == "cuda"; });
  for (const fs::path& toolkit : toolkits) add_toolkit(toolkit);
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    const fs::path prefix = value(variable);
    if (!prefix.is_absolute()) continue;
    for (const fs::path& python : entries_of(prefix / "lib", "python"))
      add_packages(python / "site-packages" / "nvidia");
    add(prefix / "lib");
  }
  return folders;
}

OpenLibrary open_library(const LibraryKind& kind, const LibraryPlaces& places,
                         const std::string& purpose) {
  Search search(kind);
  if (!places.named.empty()) {
    const bool is_path = places.named.find('/') != std::string::npos;
    if (is_path && !fs::path(places.named).is_absolute()) {
      search.note(places.named + ": is not an absolute path, and so depends on the current folder");
    } else if (std::error_code error; is_path && fs::exists(places.named, error)) {
      if (search.open_file(places.named)) return search.take();
    } else if (search.open(places.named)) {
      return search.take();
    }
  } else {
    if (places.asks_loader && search.open(kind.versioned_file())) return search.take();
    for (const std::string& folder : places.folders) {
      if (search.open_in(folder)) return search.take();
    }
  }
  throw DeviceError(fmt::format("{}:{}", purpose, search.notes()));
}

}  // namespace tendon::cuda
