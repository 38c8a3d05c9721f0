// Where CUDA's libraries are looked for, with folders and libraries that the tests make.
#include "host/cuda/libraries.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>

#include "host/cuda/cublaslt_library.h"
#include "host/cuda/nvrtc.h"
#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

namespace fs = std::filesystem;

class Libraries : public testing::Test {
 protected:
  Libraries() {
    std::string pattern = (fs::temp_directory_path() / "tendon-libraries-XXXXXX").string();
    root_ = fs::canonical(::mkdtemp(pattern.data()));
  }
  ~Libraries() override { fs::remove_all(root_); }

  fs::path folder(const std::string& name) const {
    fs::create_directories(root_ / name);
    return root_ / name;
  }
  // A library of that version under a name of its own, which the loader does not know yet.
  std::string put(const std::string& folder_name, const std::string& file, int major) const {
    const fs::path into = folder(folder_name) / file;
    fs::copy_file(major == 12 ? TENDON_FAKE_LIBRARY_12 : TENDON_FAKE_LIBRARY_13, into);
    return into.string();
  }
  std::vector<std::string> folders_of(const LibraryKind& kind) const {
    return library_folders(kind, {.cudart = cudart_,
                                  .variable = [this](const char* name) -> const char* {
                                    const auto found = variables_.find(name);
                                    return found == variables_.end() ? nullptr
                                                                     : found->second.c_str();
                                  },
                                  .toolkits = toolkits_});
  }
  static OpenLibrary open(const LibraryKind& kind, const std::vector<std::string>& folders) {
    return open_library(kind, {.named = "", .asks_loader = false, .folders = folders},
                        "no products");
  }
  static std::string error_of(const LibraryKind& kind, const std::vector<std::string>& folders) {
    return thrown([&] { open(kind, folders); });
  }

  fs::path root_;
  std::string cudart_, toolkits_;
  std::map<std::string, std::string> variables_;
};

TEST_F(Libraries, AreFoundBesideTheRuntimeThatIsLoaded) {
  cudart_ = folder("toolkit").string() + "/libcudart.so.13";
  for (const LibraryKind& kind : {nvrtc_library(), cublaslt_library()}) {
    const std::string file = put("toolkit", kind.versioned_file(), 13);
    EXPECT_EQ(open(kind, folders_of(kind)).path(), file);
  }
}

TEST_F(Libraries, AreFoundInPipsFoldersFromThatOfTheRuntime) {
  const std::string nvidia = "venv/lib/python3.12/site-packages/nvidia";
  for (const char* runtime : {"/cuda_runtime/lib", "/cu13/lib"}) {
    cudart_ = folder(nvidia + runtime).string() + "/libcudart.so.13";
    const std::string compiler = put(nvidia + "/cuda_nvrtc/lib", "libnvrtc.so.13", 13);
    EXPECT_EQ(open(nvrtc_library(), folders_of(nvrtc_library())).path(), compiler) << runtime;
    fs::remove(compiler);
    const std::string products = put(nvidia + "/cublas/lib", "libcublasLt.so.13", 13);
    EXPECT_EQ(open(cublaslt_library(), folders_of(cublaslt_library())).path(), products);
    fs::remove(products);
    for (const LibraryKind& kind : {nvrtc_library(), cublaslt_library()}) {
      const std::string file = put(nvidia + "/cu13/lib", kind.versioned_file(), 13);
      EXPECT_EQ(open(kind, folders_of(kind)).path(), file) << runtime;
      fs::remove(file);
    }
  }
}

TEST_F(Libraries, AreFoundWhereTheVariablesSay) {
  const std::pair<const char*, std::string> places[] = {
      {"CUDA_HOME", "lib64"},
      {"CUDA_PATH", "lib64"},
      {"CUDA_PATH", "targets/x86_64-linux/lib"},
      {"VIRTUAL_ENV", "lib/python3.11/site-packages/nvidia/cu13/lib"},
      {"VIRTUAL_ENV", "lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib"},
      {"CONDA_PREFIX", "lib"},
      {"CONDA_PREFIX", "lib/python3.13/site-packages/nvidia/cu13/lib"},
  };
  for (const auto& [variable, place] : places) {
    const std::string file = put("given/" + place, "libnvrtc.so.13", 13);
    variables_ = {{variable, (root_ / "given").string()}};
    EXPECT_EQ(open(nvrtc_library(), folders_of(nvrtc_library())).path(), file) << variable;
    fs::remove_all(root_ / "given");
  }
}

TEST_F(Libraries, AreFoundInTheToolkitsAndInTheChosenOneFirst) {
  toolkits_ = folder("local").string();
  const std::string older = put("local/cuda-13.0/lib64", "libnvrtc.so.13", 13);
  EXPECT_EQ(open(nvrtc_library(), folders_of(nvrtc_library())).path(), older);
  const std::string newer = put("local/cuda-13.1/lib64", "libnvrtc.so.13", 13);
  EXPECT_EQ(open(nvrtc_library(), folders_of(nvrtc_library())).path(), newer);
  const std::string chosen = put("local/cuda/lib64", "libnvrtc.so.13", 13);
  EXPECT_EQ(open(nvrtc_library(), folders_of(nvrtc_library())).path(), chosen);
}

TEST_F(Libraries, OfAnotherVersionAreSaidAndPassedOver) {
  for (const LibraryKind& kind : {nvrtc_library(), cublaslt_library()}) {
    const std::string plain = put("a", kind.file, 12), named = put("b", kind.file + ".12", 12);
    const std::string lying = put("c", kind.versioned_file(), 12);
    std::vector<std::string> folders = {folder("a"), folder("b"), folder("c")};
    const std::string text = error_of(kind, folders);
    for (const std::string& file : {plain, named, lying}) {
      const std::string said =
          file + ": this " + kind.name + " has version 12, and version 13 is needed";
      EXPECT_TRUE(says(text, {said.c_str()}));
    }
    const std::string right = put("d", kind.file, 13);
    folders.push_back(folder("d"));
    EXPECT_EQ(open(kind, folders).path(), right);
    fs::remove_all(root_ / "a");
    fs::remove_all(root_ / "b");
    fs::remove_all(root_ / "c");
    fs::remove_all(root_ / "d");
  }
}

TEST_F(Libraries, OfAnotherVersionAreRefusedWhereTheyAreNamed) {
  const std::string file = put("named", "libnvrtc.so.12", 12);
  EXPECT_TRUE(says(thrown([&] { Nvrtc({.named = file, .folders = {}}); }),
                   {"DeviceError", file.c_str(), "version 12, and version 13 is needed"}));
}

TEST_F(Libraries, ThatAreNowhereAreAskedForWithAllPlaces) {
  const std::string first = folder("first"), second = folder("second");
  EXPECT_TRUE(says(error_of(cublaslt_library(), {first, second}),
                   {"DeviceError 0: no products:", (first + ": not there").c_str(),
                    (second + ": not there").c_str()}));
}

TEST_F(Libraries, ThatAnybodyMayWriteAreNotOpened) {
  const std::string file = put("open", "libnvrtc.so.13", 13);
  const fs::path in = folder("open");
  const auto refused = [&] {
    return says(error_of(nvrtc_library(), {in.string()}), {file.c_str(), "anybody may write"});
  };
  fs::permissions(in, fs::perms::others_write, fs::perm_options::add);
  EXPECT_TRUE(refused());
  fs::permissions(in, fs::perms::others_write, fs::perm_options::remove);
  EXPECT_EQ(open(nvrtc_library(), {in.string()}).path(), file);
  fs::permissions(file, fs::perms::others_write, fs::perm_options::add);
  EXPECT_TRUE(refused());
}

TEST_F(Libraries, AreNotLookedForFromTheCurrentFolder) {
  put("current/lib64", "libnvrtc.so.13", 13);
  put("current", "libnvrtc.so.13", 13);
  const fs::path before = fs::current_path();
  fs::current_path(folder("current"));
  cudart_ = "libcudart.so.13";
  variables_ = {{"CUDA_HOME", "."}, {"CUDA_PATH", ""}, {"VIRTUAL_ENV", "."}, {"CONDA_PREFIX", ""}};
  EXPECT_EQ(folders_of(nvrtc_library()), std::vector<std::string>());
  const std::string named = thrown(
      [] { open_library(nvrtc_library(), {.named = "./libnvrtc.so.13", .folders = {}}, ""); });
  fs::current_path(before);
  EXPECT_TRUE(says(named, {"./libnvrtc.so.13", "not an absolute path"}));
}

}  // namespace
}  // namespace tendon::cuda
