// The page for people, at `/`.
#include "common/api/routes.h"
#include "common/page/page.h"

namespace understudy {

void add_page_route(http::Router& router) {
  router.add(http::Method::get, "/", http::Lane::quick, [](const http::Request&) {
    const auto page = cluster_page();
    http::Response response;
    response.body = page.html;
    response.type = "text/html; charset=utf-8";
    response.headers = {{"Content-Security-Policy", std::string(page.content_policy)},
                        {"Referrer-Policy", "no-referrer"}};
    return response;
  });
}

}  // namespace understudy
