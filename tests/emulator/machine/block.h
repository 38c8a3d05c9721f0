// A block of a launch while it runs: its warps, its shared memory and its barriers; and the gate
// through which steps touch memory.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "machine/shared.h"
#include "machine/warp.h"

namespace emulator {

// What the blocks of a launch have in common.
struct Running {
  const Launch& launch;
  const Kernel& kernel;
  Memory& memory;
  const Options& options;
  const DeviceCalls& calls;
  Counters& counters;
  Address grid_workspace;      // of a cooperative launch; 0 of others
  std::uint64_t progress = 0;  // grows with every write that changes memory
  std::uint64_t clock = 0;     // warp instructions so far
};

enum class AccessKind : std::uint8_t {
  load,
  store,
  atomic,
  copy,  // to shared memory, that only begins: nothing is written or recorded
};

class Block {
 public:
  explicit Block(Running& running);
  void begin(std::uint64_t index);

  // Runs until it has ended or waits for another block (true: ended). Throws Stop.
  bool run();

  // Where the lanes' addresses lead, checked, recorded and counted; lanes outside of the mask are
  // left alone. Throws Stop where an address cannot be touched. `data` (of stores and copies): a
  // lane's bytes, `bytes` apart.
  void reach(Warp& warp, const Step& step, Mask mask, const Address* addresses, std::uint32_t bytes,
             AccessKind kind, const std::byte* data, std::byte** pointers);

  // Reports what shared memory found wrong with an access of a lane, if anything.
  void tell(const SharedMemory::Found& found, bool is_write, const Warp& warp, int lane,
            const Step& step) const;
  // A report with the place of a lane.
  void report(Fault fault, const Warp& warp, int lane, const Step& step, const std::string& text,
              const SharedMemory::Found* race = nullptr) const;
  // The same, and the end of the launch.
  [[noreturn]] void stop(Fault fault, LaunchStatus status, const Warp& warp, int lane,
                         const Step& step, const std::string& text) const;

  Running& running() const { return running_; }
  const Dim3& index() const { return index_; }
  Dim3 thread(const Warp& warp, int lane) const;
  Mask lanes_of(const Warp& warp) const;                 // that the block has, exited or not
  std::string named_thread(std::uint32_t thread) const;  // "thread (3, 0, 0)"
  SharedMemory& shared() { return shared_; }

 private:
  // Lanes that execute together, or wait together.
  struct Group {
    enum class State : std::uint8_t { ready, at_lanes, at_barrier } state = State::ready;
    Mask mask = 0;
    std::uint32_t pc = 0;
    Mask awaited = 0;            // at_lanes
    std::uint32_t patience = 0;  // backward branches taken while others of the warp waited
    std::uint32_t deferred = 0;  // how often it gave way
  };
  struct WarpState : Warp {
    std::vector<Group> groups;
    std::vector<std::byte> registers_storage, local_storage;
    std::uint64_t steps = 0;
  };
  struct Barrier {
    std::uint32_t expected = 0;  // threads; 0: all of the block
    std::uint32_t arrived = 0;
    std::array<Mask, kMostWarps> came{};       // lanes of each warp
    std::array<Mask, kMostWarps> awaited{};    // of each warp: those alive when its first came
    std::array<const Step*, kMostWarps> at{};  // where these came
    bool all = true;                           // of the predicates of bar.red
    std::uint32_t count = 0;                   // of those that hold
    const Step* step = nullptr;
  };

  void prepare(WarpState& warp);
  bool run_warp(WarpState& warp);  // true where it did anything
  void branch(WarpState& warp, std::size_t group, const Step& step, Mask taken);
  void branch_to_table(WarpState& warp, std::size_t group, const Step& step, Mask mask);
  void exit_lanes(WarpState& warp, std::size_t group, Mask mask);
  bool split_by_members(WarpState& warp, std::size_t group, const Step& step, Mask& mask);
  bool synchronize(WarpState& warp, std::size_t group, const Step& step, Mask mask);
  void meet(WarpState& warp);
  void arrive(WarpState& warp, std::size_t group, const Step& step, Mask mask);
  void try_release(std::uint32_t id);
  bool tell_divergence(const Barrier& barrier) const;
  void merge(WarpState& warp);
  std::size_t choose(const WarpState& warp) const;
  [[noreturn]] void deadlocked();
  void count(const Step& step, Mask mask);
  std::string place_of(const Step& step, std::vector<Report::Place>& source) const;
  void reach_global(Warp&, const Step&, Mask, const Address*, std::uint32_t, AccessKind,
                    std::byte**);
  void reach_shared(Warp&, const Step&, Mask, const Address*, std::uint32_t, AccessKind,
                    const std::byte*, std::byte**);
  void count_global(const Address* addresses, Mask mask, std::uint32_t bytes, bool is_write,
                    std::uint32_t first);
  void count_shared(const Address* offsets, Mask mask, std::uint32_t bytes);

  Running& running_;
  const Kernel& kernel_;
  Dim3 index_;
  std::uint32_t thread_count_ = 0;
  std::vector<std::unique_ptr<WarpState>> warps_;
  SharedMemory shared_;
  std::array<Barrier, 16> barriers_;
  std::uint64_t idle_since_ = 0;  // running_.clock when the block last made progress
  std::uint64_t progress_ = 0;
};

}  // namespace emulator
