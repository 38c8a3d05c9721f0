// Finds the libraries of CUDA that are opened as they are first needed, NVRTC and cuBLASLt,
// wherever a toolkit or pip puts them, and takes none of another major version than CUDA's own.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tendon::cuda {

// A library and how its version is known.
struct LibraryKind {
  std::string name;     // for a person: "NVRTC"
  std::string file;     // without its version: "libnvrtc.so"
  std::string package;  // pip's folder in site-packages/nvidia: "cuda_nvrtc"
  int major = 13;
  // The major version that an opened library says it has; 0 where it says none.
  int (*major_of)(void* library) = nullptr;

  std::string versioned_file() const { return file + "." + std::to_string(major); }
};

// An open library, which is closed when this goes.
class OpenLibrary {
 public:
  OpenLibrary() = default;
  OpenLibrary(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  OpenLibrary(OpenLibrary&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), path_(std::move(other.path_)) {}
  OpenLibrary& operator=(OpenLibrary&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~OpenLibrary();
  void* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  void* handle_ = nullptr;
  std::string path_;  // of the file that it comes from
};

// Where a library is looked for.
struct LibraryPlaces {
  std::string named;                 // a file that the caller names; then nowhere else
  bool asks_loader = true;           // by its name, in this library's RUNPATH among others
  std::vector<std::string> folders;  // in this order
};

// What the folders are derived from.
struct Surroundings {
  std::string cudart;  // the file of the libcudart that is loaded; may be empty
  std::function<const char*(const char*)> variable;
  std::string toolkits;  // the folder with cuda, cuda-13.0 and so on
};
Surroundings surroundings();  // of this process

// Beside libcudart and where pip puts the library relative to it; CUDA_HOME and CUDA_PATH; the
// toolkits; the packages of the Python environments VIRTUAL_ENV and CONDA_PREFIX. Only folders that
// exist, each once. A variable that is no absolute path is ignored.
std::vector<std::string> library_folders(const LibraryKind& kind, const Surroundings& around);

// Opens the first library of the right version. Never one that anybody may write, or in a folder
// that anybody may write. Throws DeviceError: `purpose`, and each place with what is amiss there.
OpenLibrary open_library(const LibraryKind& kind, const LibraryPlaces& places,
                         const std::string& purpose);

}  // namespace tendon::cuda
