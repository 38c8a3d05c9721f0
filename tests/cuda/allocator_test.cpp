// Device memory from an allocator that the caller hands in.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <map>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "host/cuda/memory.h"
#include "tests/cuda/emulated_device.h"

namespace tendon::cuda {
namespace {

// A framework's pool: it knows each block, and checks what comes back.
class Pool {
 public:
  Allocator allocator() {
    Allocator made;
    made.allocate = [this](std::size_t bytes, Stream stream) -> void* {
      const std::scoped_lock lock(mutex_);
      ++asked;
      if (refuse_next > 0) {
        --refuse_next;
        if (throws) throw std::runtime_error("the pool is dry");
        return nullptr;
      }
      EXPECT_NE(stream.native(), nullptr);
      void* memory = nullptr;
      EXPECT_EQ(cudaMalloc(&memory, bytes + offset), cudaSuccess);
      memory = static_cast<char*>(memory) + offset;
      blocks_[memory] = {bytes, stream.native()};
      return memory;
    };
    made.deallocate = [this](void* memory, std::size_t bytes, Stream stream) {
      const std::scoped_lock lock(mutex_);
      const auto found = blocks_.find(memory);
      ASSERT_NE(found, blocks_.end()) << "a block that came from elsewhere";
      EXPECT_EQ(found->second, (std::pair<std::size_t, void*>(bytes, stream.native())));
      blocks_.erase(found);
      // In the stream's order.
      EXPECT_EQ(cudaStreamSynchronize(static_cast<cudaStream_t>(stream.native())), cudaSuccess);
      EXPECT_EQ(cudaFree(static_cast<char*>(memory) - offset), cudaSuccess);
      ++given_back;
      if (throws_as_it_takes) throw std::runtime_error("out of order");
    };
    return made;
  }
  std::size_t block_count() const { return blocks_.size(); }

  int asked = 0, given_back = 0, refuse_next = 0;
  bool throws = false, throws_as_it_takes = false;
  std::size_t offset = 0;

 private:
  std::mutex mutex_;
  std::map<void*, std::pair<std::size_t, void*>> blocks_;
};

class CallersAllocator : public OnEmulatedDevice {
 protected:
  void set(Memory& memory, Pool& pool) {
    memory.set_allocator(std::make_shared<const Allocator>(pool.allocator()));
  }
  Block block(Memory& memory, std::size_t bytes) {
    return memory.with_retry([&] { return Block(memory, bytes, "exp", Place()); });
  }
  StreamHandle stream_ = new_stream();
};

TEST_F(CallersAllocator, GivesAllMemoryAndHasItBackAtOnce) {
  Pool pool;
  set_allocator(Device::cuda(), pool.allocator());
  {
    const Tensor x = full({64, 8}, 1.0F).to(Device::cuda());
    const Tensor y = matmul(exp(x), full({8, 8}, 0.5F).to(Device::cuda())) * 2;
    EXPECT_NEAR(y.to_vector<float>()[100], 8 * std::exp(1.0), 1e-4);
    GradientTape tape;
    Tensor w = full({4}, 3.0F).to(Device::cuda());
    tape.watch(w);
    EXPECT_EQ(tape.gradient(reduce_sum(w * w), w)->to_vector<float>()[0], 6);
    EXPECT_GT(pool.asked, 3);
  }
  EXPECT_EQ(counters(Device::cuda()).bytes_kept, 0);
  set_allocator(Device::cuda(), {});
  EXPECT_EQ(pool.block_count(), 0U) << "the arenas of plans too";
  EXPECT_EQ(pool.asked, pool.given_back);
  const int before = pool.asked;
  run({exp(full({64}, 1.0F).to(Device::cuda()))});
  EXPECT_EQ(pool.asked, before);
  empty_cache(Device::cuda());
}

TEST_F(CallersAllocator, ThatIsSetLaterHasOnlyItsOwnBlocksBack) {
  Memory memory(0, stream_.get());
  Pool first, second;
  const std::int64_t before = live_blocks();
  {
    const Block own = block(memory, 1000);
    set(memory, first);
    const Block of_first = block(memory, 1000);
    set(memory, second);
    const Block of_second = block(memory, 1000);
    EXPECT_EQ(first.block_count(), 1U);
    EXPECT_EQ(second.block_count(), 1U);
  }
  EXPECT_EQ(first.block_count() + second.block_count(), 0U);
  EXPECT_EQ(memory.kept_bytes(), 1024) << "the one of before is the device's";
  EXPECT_EQ(memory.in_use_bytes(), 0);
  memory.set_allocator(nullptr);
  EXPECT_EQ(memory.kept_bytes(), 0);
  EXPECT_EQ(live_blocks(), before);
}

TEST_F(CallersAllocator, IsAskedOnceMoreWhereItHasNone) {
  Memory memory(0, stream_.get());
  for (const bool throws : {false, true}) {
    Pool pool;
    pool.throws = throws;
    set(memory, pool);
    pool.refuse_next = 1;
    { EXPECT_NE(block(memory, 1000).data(), nullptr); }
    EXPECT_EQ(pool.asked, 2);
    pool.refuse_next = 2;
    const std::string text = thrown([&] { block(memory, 1000); });
    EXPECT_EQ(pool.asked, 4);
    EXPECT_TRUE(says(
        text, {"OutOfMemory 1000", "exp", "the allocator that was set has no memory", "cuda:0"}));
    EXPECT_EQ(text.find("the pool is dry") != std::string::npos, throws);
    EXPECT_EQ(memory.in_use_bytes(), 0);
    memory.set_allocator(nullptr);
  }
}

TEST_F(CallersAllocator, ThatGivesWhatIsNotAlignedIsToldSo) {
  Memory memory(0, stream_.get());
  Pool pool;
  set(memory, pool);
  pool.offset = 64;
  EXPECT_TRUE(says(thrown([&] { block(memory, 1000); }),
                   {"DeviceError", "exp", "not aligned to 256 bytes"}));
  EXPECT_EQ(pool.block_count(), 0U);
  memory.set_allocator(nullptr);
}

TEST_F(CallersAllocator, MayThrowAsItTakesBack) {
  Memory memory(0, stream_.get());
  Pool pool;
  set(memory, pool);
  pool.throws_as_it_takes = true;
  { const Block taken = block(memory, 1000); }
  EXPECT_EQ(pool.given_back, 1);
  EXPECT_EQ(memory.in_use_bytes(), 0);
  memory.set_allocator(nullptr);
}

}  // namespace
}  // namespace tendon::cuda
