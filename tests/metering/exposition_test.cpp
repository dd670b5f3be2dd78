// The text is Prometheus' format, whatever stands in labels and help.
#include "common/metering/exposition.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace understudy;

TEST_CASE("a metric is declared, then its samples follow with all labels") {
  Exposition out(Labels{{"node", "a"}});
  out.declare("x_bytes", MetricType::gauge, "How many.");
  out.add(std::uint64_t{18446744073709551615ull});
  out.add(0.25, {{"standby", "b"}});
  CHECK(out.take_text() ==
        "# HELP x_bytes How many.\n# TYPE x_bytes gauge\n"
        "x_bytes{node=\"a\"} 18446744073709551615\n"
        "x_bytes{node=\"a\",standby=\"b\"} 0.25\n");
}

TEST_CASE("quotes, backslashes and line breaks are escaped") {
  Exposition out(Labels{});
  out.declare("x", MetricType::counter, "a\\b\n\"c\"");
  out.add(1.0, {{"l", "a\\b\n\"c\""}});
  CHECK(out.take_text() ==
        "# HELP x a\\\\b\\n\"c\"\n# TYPE x counter\nx{l=\"a\\\\b\\n\\\"c\\\"\"} 1\n");
}

TEST_CASE("numbers that are none have names") {
  Exposition out(Labels{});
  out.declare("x", MetricType::gauge, "x");
  out.add(std::numeric_limits<double>::infinity());
  out.add(-std::numeric_limits<double>::infinity());
  out.add(std::nan(""));
  const auto text = out.take_text();
  CHECK(text.find("x +Inf\nx -Inf\nx NaN\n") != std::string::npos);
}

TEST_CASE("a histogram adds up its buckets") {
  LatencyHistogram histogram;
  for (const auto time_us : {10, 60, 60, 150, 40'000'000}) histogram.observe(time_us);
  Exposition out(Labels{{"node", "a"}});
  out.declare("x_seconds", MetricType::histogram, "x");
  out.add(histogram.read());
  const auto text = out.take_text();
  for (const auto* line :
       {"x_seconds_bucket{node=\"a\",le=\"5e-05\"} 1\n", "le=\"0.0001\"} 3\n", "le=\"0.0002\"} 4\n",
        "le=\"30\"} 4\n", "le=\"+Inf\"} 5\n", "x_seconds_sum{node=\"a\"} 40.00028\n",
        "x_seconds_count{node=\"a\"} 5\n"}) {
    CAPTURE(std::string(line));
    CHECK(text.find(line) != std::string::npos);
  }
}
