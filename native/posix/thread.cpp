// Threads of the addon's own, beside Node's (pthreads(7)), and the processor time that they have taken.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "../os.h"

namespace exactbind::os {

namespace {

// Room for what runs in it, and for what the C library keeps of each thread there.
constexpr size_t kStack = 512 * 1024;

constexpr long kNanoseconds = 1000000000;

// What a thread shares with its waiter; the last of the two frees it.
struct Shared {
  Run run = nullptr;
  void* data = nullptr;
  bool hasEnded = false;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
  std::atomic<int> users{2};

  void release() {
    if (--users == 0) delete this;
  }
};

void* runThread(void* given) {
  auto* shared = static_cast<Shared*>(given);
  shared->run(shared->data);
  ::pthread_mutex_lock(&shared->mutex);
  shared->hasEnded = true;
  ::pthread_cond_signal(&shared->ended);
  ::pthread_mutex_unlock(&shared->mutex);
  shared->release();
  return nullptr;
}

timespec inMilliseconds(uint32_t milliseconds) {
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += milliseconds / 1000;
  time.tv_nsec += static_cast<long>(milliseconds % 1000) * 1000000;
  if (time.tv_nsec >= kNanoseconds) {
    time.tv_sec++;
    time.tv_nsec -= kNanoseconds;
  }
  return time;
}

}  // namespace

struct Thread {
  Shared* shared = nullptr;
  pthread_t thread{};
};

int startThread(Run run, void* data, Thread** thread) {
  pthread_attr_t attributes;
  if (int error = ::pthread_attr_init(&attributes); error != 0) return error;
  int error = ::pthread_attr_setstacksize(&attributes, kStack);
  auto* shared = new Shared;
  shared->run = run;
  shared->data = data;
  auto* made = new Thread{shared, {}};
  // Signals are for the threads of Node's that expect them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  if (error == 0) error = ::pthread_sigmask(SIG_SETMASK, &all, &before);
  if (error == 0) {
    error = ::pthread_create(&made->thread, &attributes, runThread, shared);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    delete made;
    delete shared;
    return error;
  }
  *thread = made;
  return 0;
}

bool endThread(Thread* thread, uint32_t milliseconds) {
  Shared& shared = *thread->shared;
  timespec end = inMilliseconds(milliseconds);
  ::pthread_mutex_lock(&shared.mutex);
  for (int error = 0; !shared.hasEnded && error == 0;) {
    error = ::pthread_cond_timedwait(&shared.ended, &shared.mutex, &end);
  }
  bool hasEnded = shared.hasEnded;
  ::pthread_mutex_unlock(&shared.mutex);
  if (!hasEnded) return false;
  ::pthread_join(thread->thread, nullptr);
  shared.release();
  delete thread;
  return true;
}

void leaveThread(Thread* thread) {
  // Node unloads an addon with the last environment that has loaded it; the code of a thread has to stay.
  Dl_info found;
  if (::dladdr(reinterpret_cast<void*>(&leaveThread), &found) != 0) {
    ::dlopen(found.dli_fname, RTLD_NOW | RTLD_NODELETE);
  }
  ::pthread_detach(thread->thread);
  thread->shared->release();
  delete thread;
}

int64_t processorTime() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1000000 + time.tv_nsec / 1000;
}

}  // namespace exactbind::os
