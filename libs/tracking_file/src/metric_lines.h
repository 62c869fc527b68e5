// Files of metrics in MLflow's folders: a point a line.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <ivory/tracking/entities.h>

namespace ivory::tracking {

// What a file holds: of a run "timestamp value [step [dataset digest]]", of a logged model "timestamp value
// step run [dataset digest]".
enum class MetricLines { kOfRun, kOfModel };

// The points in the order of the file; `key`, model and (of a run's file) run are left to the caller. A last
// line without its end, which a writer that was killed left, is passed over if it is none. `place` begins
// messages. Errors: kInvalidArgument "place:line: …".
[[nodiscard]] std::vector<ModelMetric> parse_metric_lines(std::string_view text, MetricLines kind,
                                                          std::string_view place);
// With its end. A dataset whose name has blanks is left out: the format cannot tell it from its neighbours.
[[nodiscard]] std::string metric_line(const ModelMetric& point, MetricLines kind);

}  // namespace ivory::tracking
