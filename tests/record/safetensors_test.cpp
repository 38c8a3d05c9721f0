// save and load: the bits come back, other programs' files load, and a wrong file or a full disk is
// an Error that leaves the old file. tests/golden/safetensors_files.py made the other
// programs' files and read tendon.safetensors with them.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <tendon/tendon.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "tests/misuse/expect_words.h"
#include "tests/support/scratch_folder.h"

namespace tendon {
namespace {

using test::expect_words;
using test::ScratchFolder;

const Metadata kMetadata = {{"format", "golden"}, {"quote", "a \"b\" \\ é"}};

std::vector<NamedTensor> golden() {
  const std::vector<float> floats = {-1.5, 0, 0.25, 2, -3, 1024};
  const std::vector<std::int32_t> integers = {-1, 0, 1, 2, -3, 1024};
  const Shape shape = {2, 3};
  const Tensor f32 = Tensor::from(floats, shape);
  const Tensor i32 = Tensor::from(integers, shape);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return {{"mask", Tensor::from({true, false, true, true, false, false}, shape)},
          {"layer/i32", i32},
          {"i64", i32.cast(DType::i64) * (std::int64_t{1} << 40)},
          {"f16", f32.cast(DType::f16)},
          {"bf16", f32.cast(DType::bf16)},
          {"f32", f32},
          {"f64", f32.cast(DType::f64)},
          {"scalar", Tensor::from({0.1}, Shape())},
          {"empty", zeros({0, 3})},
          {"special é", Tensor::from({std::nanf(""), kInfinity, -kInfinity, -0.0F})}};
}

template <class T>
std::vector<std::uint64_t> bits_of(const Tensor& tensor) {
  std::vector<std::uint64_t> bits;
  for (const T value : tensor.to_vector<T>()) {
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof value);
    bits.push_back(word);
  }
  return bits;
}
std::vector<std::uint64_t> bits_of(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::boolean: return bits_of<bool>(tensor);
    case DType::i32: return bits_of<std::int32_t>(tensor);
    case DType::i64: return bits_of<std::int64_t>(tensor);
    case DType::f16: return bits_of<half>(tensor);
    case DType::bf16: return bits_of<bfloat16>(tensor);
    case DType::f32: return bits_of<float>(tensor);
    case DType::f64: return bits_of<double>(tensor);
  }
  return {};
}

void expect_same(const NamedTensor& got, const NamedTensor& want) {
  EXPECT_EQ(got.name, want.name);
  EXPECT_EQ(got.value.dtype(), want.value.dtype()) << want.name;
  EXPECT_EQ(got.value.shape(), want.value.shape()) << want.name;
  EXPECT_EQ(bits_of(got.value), bits_of(want.value)) << want.name;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
// A file with this header, and so many bytes of values.
std::string file_of(const std::string& header, std::size_t value_bytes) {
  std::string prefix(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) prefix[i] = static_cast<char>(header.size() >> (8 * i));
  return prefix + header + std::string(value_bytes, '\0');
}
std::size_t count_of_files(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(Safetensors, EveryDTypeComesBackBitByBitAndInOrder) {
  const ScratchFolder folder;
  const std::vector<NamedTensor> tensors = golden();
  save(folder / "a.safetensors", tensors, kMetadata);
  const std::vector<NamedTensor> loaded = load(folder / "a.safetensors");
  ASSERT_EQ(loaded.size(), tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    expect_same(loaded[i], tensors[i]);
    EXPECT_EQ(loaded[i].value.device(), default_device());
  }
  EXPECT_EQ(load_metadata(folder / "a.safetensors"), kMetadata);
  EXPECT_EQ(count_of_files(folder.path()), 1U);
}

TEST(Safetensors, AFileHasTheBytesThatPyTorchAndNumPyHaveRead) {
  const ScratchFolder folder;
  save(folder / "a.safetensors", golden(), kMetadata);
  const std::string bytes = bytes_of(folder / "a.safetensors");
  EXPECT_EQ(bytes, bytes_of(TENDON_GOLDEN_SAFETENSORS "/tendon.safetensors"));
  if (std::getenv("TENDON_WRITE_GOLDEN") != nullptr)
    write(TENDON_GOLDEN_SAFETENSORS "/tendon.safetensors", bytes);
}

TEST(Safetensors, FilesOfPyTorchAndNumPyLoad) {
  const std::vector<NamedTensor> tensors = golden();
  for (const std::string program : {"torch", "numpy"}) {
    const auto path = TENDON_GOLDEN_SAFETENSORS "/" + program + ".safetensors";
    const std::vector<NamedTensor> loaded = load(path);
    EXPECT_EQ(loaded.size(), tensors.size() - (program == "numpy" ? 1 : 0));  // it has no bf16
    for (const NamedTensor& got : loaded) {
      const auto want = std::ranges::find(tensors, got.name, &NamedTensor::name);
      ASSERT_NE(want, tensors.end()) << got.name;
      expect_same(got, *want);
    }
    EXPECT_EQ(load_metadata(path), kMetadata);
  }
}

TEST(Safetensors, TakesVariablesAndListsAsTheyAre) {
  const ScratchFolder folder;
  const Variable w(ones({2}), "w");
  save(folder / "a", {{"w", w}, {"sum", w + 1}});
  const std::vector<NamedTensor> one = {{"w", w}};
  save(folder / "b", one);
  save(folder / "c", {});
  EXPECT_EQ(load(folder / "a").at(1).value.to_vector<float>(), std::vector<float>({2, 2}));
  EXPECT_EQ(load(folder / "b").size(), 1U);
  EXPECT_TRUE(load(folder / "c").empty());
  EXPECT_TRUE(load_metadata(folder / "c").empty());
}

TEST(Safetensors, AFileIsReplacedWholeAndKeepsItsLinkAndItsPermissions) {
  const ScratchFolder folder;
  save(folder / "a", {{"x", ones({3})}});
  ASSERT_EQ(::chmod((folder / "a").c_str(), 0640), 0);
  std::filesystem::create_symlink(folder / "a", folder / "link");
  save(folder / "link", {{"y", zeros({2})}});
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(load(folder / "a").at(0).name, "y");
  struct ::stat status {};
  ASSERT_EQ(::stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  EXPECT_EQ(count_of_files(folder.path()), 2U);
  // A link to where nothing is yet; and the longest name that a part of it may stand beside.
  std::filesystem::create_directory(folder / "disk");
  std::filesystem::create_symlink("disk/b", folder / "to");
  save(folder / "to", {{"z", zeros({2})}});
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "to"));
  EXPECT_EQ(load(folder / "disk/b").at(0).name, "z");
  EXPECT_NO_THROW(save(folder / std::string(250, 'n'), {{"z", zeros({2})}}));
}

TEST(Safetensors, WhatAKilledSaveLeftIsWrittenOver) {
  const ScratchFolder folder;
  write(folder / "a.part", std::string(100'000, 'x'));
  save(folder / "a", {{"x", ones({3})}});
  EXPECT_EQ(load(folder / "a").at(0).name, "x");
  EXPECT_EQ(count_of_files(folder.path()), 1U);
  std::filesystem::create_directory(folder / "b.part");
  expect_words<Error>([&] { save(folder / "b", {{"x", ones({3})}}); }, {"/b.part: Is a directory"});
}

TEST(Safetensors, SavesOfManyThreadsToOneFileLeaveAWholeOne) {
  const ScratchFolder folder;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const Tensor x = full({1000}, i);
      for (int round = 0; round < 20; ++round) {
        save(folder / "a", {{"x", x}});
        const std::vector<float> read = load(folder / "a").at(0).value.to_vector<float>();
        EXPECT_EQ(read, std::vector<float>(1000, read[0]));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count_of_files(folder.path()), 1U);
}

TEST(Safetensors, AWrongFileIsAnErrorThatSaysWhatIsWrong) {
  struct Wrong {
    std::string bytes;
    const char* says;
  };
  const std::string x = R"("x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  const std::string y = R"("y":{"dtype":"F32","shape":[2],"data_offsets":[8,16]})";
  const auto of_x = [&](const std::string& entry, std::size_t bytes = 8) {
    return file_of("{\"x\":" + entry + "}", bytes);
  };
  const std::string whole = file_of("{" + x + "," + y + "}", 16);
  const std::vector<Wrong> files = {
      {"", "it has 0 bytes, too few"},
      {"\x01\x02", "it has 2 bytes, too few"},
      {whole.substr(0, 30), "its header is said to have"},
      {whole.substr(0, whole.size() - 1), "it is truncated: tensor \"y\" ends at byte 16"},
      {whole + "z", "1 bytes behind the last tensor belong to none"},
      {std::string(8, '\xff') + "{}", "its header is said to have 18446744073709551615 bytes"},
      {file_of("[]", 0), "the header is no JSON object"},
      {file_of("{", 0), "the header is no JSON"},
      {file_of("{} x", 0), "the header is no JSON"},
      {file_of("{\"\xff\":1}", 0), "the header is no JSON"},
      {file_of("{" + x + "," + x + "}", 8), "two tensors have the name \"x\""},
      {file_of(R"({"x":{"dtype":"F32","dtype":"F32"}})", 0), "\"x\" has \"dtype\" twice"},
      {file_of(R"({"":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4), "an empty name"},
      {file_of(R"({"x":3})", 0), "tensor \"x\" is described by no object"},
      {file_of(R"({"x":[[[[1]]]]})", 0), "tensor \"x\" is described by no object"},
      {of_x(R"({"shape":[2],"data_offsets":[0,8]})"), "tensor \"x\" has no dtype"},
      {of_x(R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})"), "of dtype \"F8_E4M3\""},
      {of_x(R"({"dtype":"F32","data_offsets":[0,8]})"), "tensor \"x\" has no shape"},
      {of_x(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "an extent that is no count"},
      {of_x(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), "an extent that is no count"},
      {of_x(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]})"),
       "has 9 axes; tendon has at most 8"},
      {of_x(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]})"),
       "more elements than a file can hold"},
      {of_x(R"({"dtype":"F32","shape":[4611686018427387904,0,4],"data_offsets":[0,0]})", 0),
       "more elements than a file can hold"},
      {of_x(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]})", 0),
       "does not take the bytes 0 to 0"},
      {of_x(R"({"dtype":"F32","shape":[2]})"), "tensor \"x\" has no data_offsets"},
      {of_x(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
       "does not take the bytes 8 to 0"},
      {of_x(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
       "is f32 (3,), which does not take the bytes 0 to 8"},
      {file_of(R"({"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]},)"
               R"("x":{"dtype":"F32","shape":[2],"data_offsets":[2,10]}})",
               10),
       "tensor \"x\" is f32 and begins at byte 2: misaligned"},
      {file_of("{" + x + R"(,"y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
       "tensors \"x\" and \"y\" overlap"},
      {file_of("{" + y + "}", 16), "no tensor has the bytes 0 to 8"},
      {file_of(R"({"__metadata__":{"a":1}})", 0), "__metadata__ \"a\" is no text"},
      {file_of(R"({"__metadata__":"a"})", 0), "is described by no object"},
      {file_of(R"({"m":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", 0) + "\x01\x07",
       "element 1 of tensor 'm' is 7; a BOOL is 0 or 1"}};
  const ScratchFolder folder;
  for (const auto& [bytes, says] : files) {
    write(folder / "model", bytes);
    expect_words<Error>([&] { load(folder / "model"); },
                        {"load at safetensors_test.cpp:", "/model: ", says});
  }
  EXPECT_NO_THROW((write(folder / "model", whole), load(folder / "model")));
}

TEST(Safetensors, APathThatCannotBeReadIsAnErrorThatNamesIt) {
  const ScratchFolder folder;
  expect_words<Error>([&] { load(folder / "none"); },
                      {"load at safetensors_test.cpp:", "/none: No such file"});
  expect_words<Error>([&] { load_metadata(folder / "none"); }, {"load_metadata at", "/none: "});
  expect_words<Error>([&] { load(folder.path()); }, {"it is a folder"});
  expect_words<Error>([&] { load("/dev/zero"); }, {"/dev/zero: it is no regular file"});
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  expect_words<Error>([&] { load(folder / "pipe"); }, {"it is no regular file"});
}

TEST(Safetensors, WhatCannotBeWrittenIsAnErrorAndTheOldFileStays) {
  const ScratchFolder folder;
  const auto path = folder / "model";
  save(path, {{"x", ones({3})}});
  const std::string before = bytes_of(path);
  const Tensor y = ones({2});
  const auto expect = [&](const std::vector<NamedTensor>& tensors, const char* says) {
    expect_words<Error>([&] { save(path, tensors); },
                        {"save at safetensors_test.cpp:", "/model: ", says});
    EXPECT_EQ(bytes_of(path), before);
    EXPECT_EQ(count_of_files(folder.path()), 1U);
  };
  expect({{"y", y}, {"y", y}}, "two tensors have the name \"y\"");
  expect({{"", y}}, "a tensor has an empty name");
  expect({{"__metadata__", y}}, "no tensor can have the name __metadata__");
  expect({{"\xff", y}}, "is not UTF-8");
  expect({{"y", Tensor()}}, "tensor 'y' is empty");
  expect_words<Error>([&] { save(path, {{"y", y}}, {{"a", "\xff"}}); }, {"is not UTF-8"});
  // An error of the value itself, which only its computation finds.
  const Tensor wrong = gather(y, Tensor::from({7}));
  expect_words<Error>([&] { save(path, {{"y", wrong}}); }, {"gather at safetensors_test.cpp:"});
  EXPECT_EQ(bytes_of(path), before);
  EXPECT_EQ(count_of_files(folder.path()), 1U);

  expect_words<Error>([&] { save(folder.path(), {{"y", y}}); }, {"it is a folder"});
  expect_words<Error>([&] { save("/dev/full", {{"y", y}}); }, {"it is no regular file"});
  expect_words<Error>([&] { save(folder / "none" / "model", {{"y", y}}); }, {"No such file"});
  if (::geteuid() != 0) {
    ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
    expect({{"y", y}}, "Permission denied");
  }
}

// What a disk has left is here what the process may write to a file.
TEST(Safetensors, OnAFullDiskTheOldFileStays) {
  const ScratchFolder folder;
  const auto path = folder / "model";
  save(path, {{"x", ones({3})}});
  const std::string before = bytes_of(path);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const rlim_t bytes : {rlim_t{0}, rlim_t{100}, rlim_t{5000}}) {
    const Tensor large = ones({5000});
    run({large});
    const rlimit small{bytes, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    std::string text;
    try {
      save(path, {{"large", large}});
    } catch (const Error& error) {
      text = error.what();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    EXPECT_NE(text.find("model: it cannot be written: File too large; what was there is unchanged"),
              std::string::npos)
        << text;
    EXPECT_EQ(bytes_of(path), before);
    EXPECT_EQ(count_of_files(folder.path()), 1U);
  }
  std::signal(SIGXFSZ, handler);
}

}  // namespace
}  // namespace tendon
