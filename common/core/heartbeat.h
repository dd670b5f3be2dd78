// Heartbeat: which loops of this process still turn. A process whose threads are all there may yet
// be stuck in one of them; whoever restarts it (systemd's watchdog, a load balancer by way of
// /liveness) has to be told the truth about that.
//
// A thread says once that it has a loop (Loop), and at each turn, and within long work, that it is
// alive (turn()). Nothing is measured in it: a loop is silent for as long as its last turn is ago.
// All loops of ours wait one second at most, so silence of many seconds means stuck, or a disk
// that takes that long for one fsync.
//
// One registry a process, like the log: it is the process that is restarted. Any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace understudy::heartbeat {

struct Entry;  // of the registry

// The loop of the thread that makes it, until it is destroyed, on the same thread. A loop within a
// loop counts alone while it lasts.
class Loop {
 public:
  // `patience`: how long out_of_patience() bears with its silence; zero: as long as who asks.
  explicit Loop(std::string name, std::chrono::milliseconds patience = {});
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

 private:
  Entry* entry_;
  Entry* outer_;
};

// The calling thread's loop is alive. Costs a look at the clock; nothing where the thread has no
// loop, so whatever works long may call it.
void turn();

// Work of the calling thread whose length grows with a database and that cannot call turn(): one
// fsync of a whole file, say. While it lasts its loop does not count as silent.
class LongWork {
 public:
  LongWork();
  ~LongWork();
  LongWork(const LongWork&) = delete;
  LongWork& operator=(const LongWork&) = delete;

 private:
  Entry* entry_;
};

struct Silence {
  std::string loop;
  int thread_id = 0;  // as the kernel, gdb and strace know it
  double seconds = 0;
};

// Loops whose last turn is longer ago than that; empty: all turn, or none runs.
std::vector<Silence> silent_for(std::chrono::milliseconds limit);

// Likewise, each by its own patience, when it has one: what has a deadline to keep.
std::vector<Silence> out_of_patience(std::chrono::milliseconds limit);

// "apply (thread 4711) for 31 s, log (thread 4712) for 30 s"
std::string to_string(const std::vector<Silence>& silences);

}  // namespace understudy::heartbeat
