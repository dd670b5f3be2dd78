#include "doctor/examine.h"

#include "doctor/gather.h"
#include "doctor/judge.h"

#include <iterator>

namespace understudy::doctor {
namespace {

void add(Findings& all, Findings more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Findings examine(const Patient& patient) {
  Findings all;
  const auto node = gather_node(patient);
  const auto database = gather_database(patient, node);
  add(all, judge(database));
  add(all, judge_wal(database));
  for (const auto& disk : gather_disks(patient)) add(all, judge(disk));
  for (const auto& file : gather_files(patient)) add(all, judge(file));
  add(all, judge(node));
  add(all, judge(gather_network(patient, node)));
  add(all, judge(gather_machine(node)));
  return all;
}

}  // namespace understudy::doctor
