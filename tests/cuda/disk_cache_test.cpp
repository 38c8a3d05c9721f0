#include "host/cuda/disk_cache.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/cuda/cache_folder.h"

namespace tendon::cuda {
namespace {

namespace fs = std::filesystem;

MachineCode some_code(char filling, std::size_t bytes = 1000) {
  return {std::vector<char>(bytes, filling), 24, 8};
}

class DiskCacheTest : public CacheFolderTest {
 protected:
  DiskCacheSettings settings() const { return {folder()}; }
  // Changes one byte of the one entry.
  void change_byte(std::streamoff at) const {
    std::fstream file(files().at(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 0x55));
  }

  const CacheKey key_ = cache_key(gelu(), {});
};

// The exit status of a process that does it.
template <class Run>
int in_process(const Run& run) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(run());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(CacheKey, DiffersByTextNameAndTarget) {
  const std::string name = cache_key(gelu(), {}).name;
  EXPECT_EQ(cache_key(gelu(), {}).name, name);
  EXPECT_NE(cache_key(gelu("other"), {}).name, name);
  EXPECT_NE(cache_key(gelu(), {100}).name, name);
  EXPECT_NE(cache_key(gelu(), {90, true}).name, name);
}

TEST_F(DiskCacheTest, KeepsWhatWasSavedForTheOwnerAlone) {
  const DiskCache disk(settings());
  EXPECT_EQ(disk.find(key_, 13000).why, "not in the cache");
  disk.save(key_, 13000, some_code('a'));
  const DiskCache::Lookup found = DiskCache(settings()).find(key_, 13000);
  ASSERT_TRUE(found.code.has_value());
  EXPECT_EQ(found.code->bytes, some_code('a').bytes);
  EXPECT_EQ(found.code->register_count, 24);
  EXPECT_EQ(found.code->spilled_bytes, 8);
  EXPECT_EQ(fs::status(folder()).permissions(), fs::perms::owner_all);
  EXPECT_EQ(fs::status(files().at(0)).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(DiskCacheTest, KeepsCompilersApartAndTakesAnyWhereThereIsNone) {
  const DiskCache disk(settings());
  disk.save(key_, 13000, some_code('a'));
  EXPECT_FALSE(disk.find(key_, 13010).code.has_value());
  EXPECT_TRUE(disk.find(key_, std::nullopt).code.has_value());
}

TEST_F(DiskCacheTest, MissesATruncatedEntryAndReplacesIt) {
  const DiskCache disk(settings());
  for (const std::uintmax_t left : {0U, 10U, 48U, 500U}) {
    disk.save(key_, 13000, some_code('a'));
    fs::resize_file(files().at(0), left);
    EXPECT_EQ(disk.find(key_, 13000).why, "the entry is truncated") << left;
    disk.save(key_, 13000, some_code('b'));
    EXPECT_EQ(disk.find(key_, 13000).code.value().bytes, some_code('b').bytes);
  }
}

TEST_F(DiskCacheTest, MissesAnEntryWithAnyByteChanged) {
  const DiskCache disk(settings());
  for (std::streamoff at = 0; at < 100; ++at) {
    disk.save(key_, 13000, some_code('a'));
    change_byte(at);
    EXPECT_FALSE(disk.find(key_, 13000).code.has_value()) << "byte " << at;
  }
  disk.save(key_, 13000, some_code('a'));
  change_byte(500);
  EXPECT_EQ(disk.find(key_, 13000).why, "the entry is corrupt");
}

TEST_F(DiskCacheTest, MissesAnEntryOfAnotherFormatOrKernel) {
  const DiskCache disk(settings());
  disk.save(key_, 13000, some_code('a'));
  EXPECT_EQ(disk.find({key_.name, key_.check + 1}, 13000).why, "the entry is of another kernel");
  change_byte(8);
  EXPECT_EQ(disk.find(key_, 13000).why, "of another version");
}

TEST_F(DiskCacheTest, DoesNotUseWhatOthersCanWriteTo) {
  {
    const DiskCache disk(settings());
    disk.save(key_, 13000, some_code('a'));
    fs::permissions(files().at(0), fs::perms::others_write, fs::perm_options::add);
    EXPECT_FALSE(disk.find(key_, 13000).code.has_value());
  }
  fs::permissions(folder(), fs::perms::group_write, fs::perm_options::add);
  testing::internal::CaptureStderr();
  EXPECT_FALSE(DiskCache(settings()).is_usable());
  EXPECT_FALSE(DiskCache(settings()).is_usable());
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("others can write"), std::string::npos) << said;
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

TEST_F(DiskCacheTest, DoesNotFollowALinkInPlaceOfAnEntry) {
  const DiskCache disk(settings());
  disk.save(key_, 13000, some_code('a'));
  const fs::path entry = files().at(0);
  fs::rename(entry, root_ / "elsewhere");
  fs::create_symlink(root_ / "elsewhere", entry);
  EXPECT_FALSE(disk.find(key_, 13000).code.has_value());
}

TEST_F(DiskCacheTest, WorksWithoutAFolderThatCannotBeMade) {
  std::ofstream(root_ / "file") << "in the way";
  testing::internal::CaptureStderr();
  const DiskCache disk({root_ / "file" / "kernels"});
  EXPECT_FALSE(disk.is_usable());
  disk.save(key_, 13000, some_code('a'));
  EXPECT_EQ(disk.find(key_, 13000).why, "there is no cache");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
}

TEST_F(DiskCacheTest, SaysOnceThatTheDiskIsFull) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(in_process([&] {
              const rlimit small = {100, 100};
              ::signal(SIGXFSZ, SIG_IGN);
              ::setrlimit(RLIMIT_FSIZE, &small);
              const DiskCache disk(settings());
              disk.save(key_, 13000, some_code('a'));
              disk.save(key_, 13000, some_code('a'));
              return disk.find(key_, 13000).code.has_value() ? 1 : 0;
            }),
            0);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
  EXPECT_TRUE(files().empty());
}

TEST_F(DiskCacheTest, DropsWhatWasNotUsedForLongest) {
  const DiskCache disk({folder(), 3500});
  std::vector<CacheKey> keys;
  for (const char* name : {"a", "b", "c", "d"}) keys.push_back(cache_key(gelu(name), {}));
  const auto age = [&](int i, int hours) {
    for (const fs::path& file : files()) {
      if (!file.filename().string().starts_with(keys[static_cast<std::size_t>(i)].name)) continue;
      fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(hours));
    }
  };
  for (int i = 0; i < 3; ++i) {
    disk.save(keys[static_cast<std::size_t>(i)], 13000, some_code('a'));
    age(i, 10 - i);
  }
  EXPECT_TRUE(disk.find(keys[0], 13000).code.has_value());  // the oldest, and now the latest used
  disk.save(keys[3], 13000, some_code('a'));
  EXPECT_TRUE(disk.find(keys[0], 13000).code.has_value());
  EXPECT_FALSE(disk.find(keys[1], 13000).code.has_value());
  EXPECT_TRUE(disk.find(keys[2], 13000).code.has_value());
  EXPECT_TRUE(disk.find(keys[3], 13000).code.has_value());
  EXPECT_EQ(files().size(), 3U);
}

TEST_F(DiskCacheTest, IsNotUsedWhereNoBytesAreAllowed) {
  ::setenv("TENDON_CACHE_BYTES", "0", 1);
  EXPECT_FALSE(DiskCache(DiskCacheSettings::of_environment()).is_usable());
  ::unsetenv("TENDON_CACHE_BYTES");
  EXPECT_FALSE(fs::exists(folder()));
}

TEST_F(DiskCacheTest, GivesProcessesThatSaveAtOnceWholeEntriesOnly) {
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    const pid_t process = ::fork();
    if (process != 0) {
      children.push_back(process);
      continue;
    }
    const DiskCache disk(settings());
    bool is_good = true;
    for (int i = 0; i < 200; ++i) {
      disk.save(key_, 13000, some_code(static_cast<char>('a' + child), 5000));
      const DiskCache::Lookup found = disk.find(key_, 13000);
      is_good = is_good && found.code && found.code->bytes.size() == 5000;
    }
    ::_exit(is_good ? 0 : 1);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(files().size(), 1U);
}

}  // namespace
}  // namespace tendon::cuda
