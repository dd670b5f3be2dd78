// The page at `/` of a node's HTTP interface: one HTML document that asks its node alone (/cluster,
// /events) and draws the cluster live. Its parts are files of this folder; the build puts them
// together (assemble.py) and embeds the result.
//
// Constants; any thread.
#pragma once

#include <string_view>

namespace understudy {

struct Page {
  std::string_view html;            // UTF-8
  std::string_view content_policy;  // Content-Security-Policy; holds the hashes of script and style
};

Page cluster_page();

}  // namespace understudy
