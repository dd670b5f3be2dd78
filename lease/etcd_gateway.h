// EtcdGateway: one request to etcd's v3 JSON gateway, at whichever endpoint answers, with a token
// where a user and password were given.
//
// A request that was sent and not answered may be carried out later all the same, and is sent to
// the next endpoint: only requests that may happen twice belong here (reads, compare-and-swap,
// puts of a whole value).
//
// Each call blocks for at most `limit` an endpoint, and three times as long where it has to be let
// in anew (etcd hashes the password, at length on a busy machine). One thread at a time.
#pragma once

#include "lease/etcd_options.h"

#include <memory>

namespace understudy {

class EtcdGateway {
 public:
  explicit EtcdGateway(EtcdOptions options);
  ~EtcdGateway();
  EtcdGateway(const EtcdGateway&) = delete;
  EtcdGateway& operator=(const EtcdGateway&) = delete;

  // POSTs `body` (JSON) to `path` ("/v3/kv/range"); the answer's body. Throws StoreUnreachable when
  // no endpoint answers with success; its text says what each of them said.
  [[nodiscard]] std::string ask(const std::string& path, const std::string& body);

 private:
  class Connection;
  struct Answer {
    int status = 0;  // of HTTP; 0: none came
    std::string body;
    std::string error;
  };
  [[nodiscard]] Answer try_endpoint(Connection& connection, const std::string& path,
                                    const std::string& body);
  // True: there is a new token.
  [[nodiscard]] bool authenticate(Connection& connection, std::string& error);

  EtcdOptions options_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::size_t preferred_ = 0;  // the one that answered last
  std::string token_;
};

}  // namespace understudy
