#include "runtime/idle.h"

#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>

#include "runtime/context.h"
#include "runtime/schedule.h"

namespace emulator {
namespace {

using namespace std::chrono_literals;
using Wall = std::chrono::steady_clock;

constexpr auto kLook = 100ms;
// Of the process's own time, which a loaded machine does not shorten; a host that sleeps between
// its looks uses none.
constexpr std::chrono::nanoseconds kBusyQuiet = 1s;
constexpr std::chrono::nanoseconds kSleepingQuiet = 5s;

std::chrono::nanoseconds processor_time() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Behind the lock, but for what is atomic.
int calls_in_progress = 0;
std::chrono::nanoseconds last_call_processor{};
Wall::time_point last_call{};
pid_t watching_process = 0;  // a child that was forked has no such thread
std::atomic<bool> is_stopping = false;
std::atomic<bool> is_busy = false;

bool is_quiet() {
  return calls_in_progress == 0 && (processor_time() - last_call_processor >= kBusyQuiet ||
                                    Wall::now() - last_call >= kSleepingQuiet);
}

void run_while_quiet(Context& context) {
  std::unique_lock lock(context.mutex);
  std::condition_variable_any never;
  while (!is_stopping) {
    never.wait_for(lock, kLook);
    while (!is_stopping && is_quiet()) {
      is_busy = true;
      const bool has_run = run_one(context);
      context.guard.restore();
      context.progressed.notify_all();
      is_busy = false;
      if (!has_run) break;
      // The host's next call comes before the next piece of work.
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
  }
}

// The thread may hold the lock as another one forks, and is not there in the child to release it.
// Library work runs with the lock held by its own thread.
void lock_to_fork() {
  if (!thread_state().is_in_library) context().mutex.lock();
}
void unlock_after_fork() {
  if (!thread_state().is_in_library) context().mutex.unlock();
}

}  // namespace

void watch_idle_host(Context& context) {
  if (watching_process == getpid() || is_stopping) return;
  if (watching_process == 0) pthread_atfork(lock_to_fork, unlock_after_fork, unlock_after_fork);
  watching_process = getpid();
  std::thread([&context] { run_while_quiet(context); }).detach();
}

void stop_idle_work(Context& context) {
  is_stopping = true;
  while (is_busy && watching_process == getpid()) {
    // A host function runs with the lock released, and may never return.
    const std::unique_lock lock(context.mutex, std::try_to_lock);
    if (lock.owns_lock()) return;
    std::this_thread::yield();
  }
}

CallInProgress::CallInProgress() { ++calls_in_progress; }

CallInProgress::~CallInProgress() {
  --calls_in_progress;
  last_call_processor = processor_time();
  last_call = Wall::now();
}

}  // namespace emulator
