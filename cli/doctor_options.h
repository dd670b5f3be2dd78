// The command line of `doctor`.
#pragma once

#include "cli/typed.h"

#include <CLI/CLI.hpp>

namespace understudy {

CLI::App* add_doctor(CLI::App& app, Typed& typed);
DoctorCommand read_doctor(const Typed& typed);

}  // namespace understudy
