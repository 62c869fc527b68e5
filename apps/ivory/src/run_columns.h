// Columns of a table of runs, by the names of the search language.
#pragma once
#include <string>
#include <vector>

#include <ivory/tracking/entities.h>
#include <ivory/tracking/search.h>

namespace ivory {

// A metric, a param, a tag, or an attribute that the table of `ivory search` does not show anyway.
class RunColumn {
 public:
  RunColumn(tracking::SearchEntity entity, std::string key) : entity_(entity), key_(std::move(key)) {}
  [[nodiscard]] tracking::SearchEntity entity() const noexcept { return entity_; }
  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  // "loss"; an attribute in words.
  [[nodiscard]] std::string heading() const;
  // Empty if the run has none.
  [[nodiscard]] std::string cell(const tracking::RunRecord& run) const;
  friend bool operator==(const RunColumn&, const RunColumn&) = default;

 private:
  tracking::SearchEntity entity_;
  std::string key_;
};

// What `asked` names ("metrics.loss", "params.lr", "tags.team", "user_id"), then what the order and the
// filter look at, each once. Errors: kInvalidArgument, those of the search language.
[[nodiscard]] std::vector<RunColumn> run_columns(const std::vector<std::string>& asked,
                                                 const std::vector<std::string>& order_by,
                                                 const std::string& filter);

}  // namespace ivory
