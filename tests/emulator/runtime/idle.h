// Work goes on by itself where the host polls for what it does: a flag that a host function sets,
// mapped memory that a kernel writes.
//
// Work runs late otherwise, when something waits for it. A host that polls calls nothing, so that
// once no call has been made for a while (README.md) a thread runs what is ready. Programs that
// have neither host functions nor memory that host and device share never get that thread.
#pragma once

namespace emulator {

struct Context;

// From now on the host has something to poll. With the lock held.
void watch_idle_host(Context& context);
// Nothing runs by itself any more, nor will.
void stop_idle_work(Context& context);

// A call of the runtime, with the lock held all the time but for its waits.
class CallInProgress {
 public:
  CallInProgress();
  ~CallInProgress();
  CallInProgress(const CallInProgress&) = delete;
  CallInProgress& operator=(const CallInProgress&) = delete;
};

}  // namespace emulator
