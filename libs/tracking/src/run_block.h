// Rows of many runs by one query.
#pragma once
#include <algorithm>
#include <bit>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include <ivory/storage/connection.h>
#include <ivory/tracking/entities.h>

namespace ivory::tracking {

// Runs `select`, which ends in "IN (", and `tail` after the list for a block of runs; the first column is the
// run's id. The list is filled up to a power of two with its last id, so that few different statements are
// prepared.
template <class F>
void for_each_row(storage::Connection& connection, std::string_view select, std::span<RunRecord> runs,
                  const F& read, std::string_view tail = {}) {
  std::unordered_map<std::string_view, RunRecord*> by_id;
  for (RunRecord& run : runs) by_id.emplace(run.run_id, &run);
  const std::size_t width = std::bit_ceil(runs.size());
  std::string sql(select);
  for (std::size_t i = 0; i < width; ++i) sql += i == 0 ? "?" : ",?";
  auto query = connection.query(sql + ")" + std::string(tail));
  for (std::size_t i = 0; i < width; ++i) query.add(runs[std::min(i, runs.size() - 1)].run_id);
  while (query.next()) read(*by_id.at(query.text(0)), query);
}

}  // namespace ivory::tracking
