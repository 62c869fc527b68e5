// What searches, histories and batches take on SQLite.
//
//   search_benchmark make FOLDER RUNS   an experiment `1` of so many runs in FOLDER/mlflow.db
//   search_benchmark search FOLDER      "NAME WALL CPU ROWS" of each search: medians, in milliseconds
//   search_benchmark history FOLDER     makes a history of 100,000 points and reads it
//   search_benchmark write FOLDER       metric rows a second: the store's, and the bare SQLite C API's with
//   the
//                                       same rows, tables and transactions, in turns
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <ivory/tracking/open_store.h>

namespace {

using namespace ivory::tracking;
using Clock = std::chrono::steady_clock;

constexpr int kKeys = 10;  // metrics and params of a run
constexpr int kRounds = 9;

double milliseconds(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double cpu_milliseconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

// Medians of many calls: by the wall clock, and of the processor alone, which a busy machine disturbs less.
class Times {
 public:
  void add(const std::function<void()>& work) {
    const double cpu = cpu_milliseconds();
    wall_.push_back(milliseconds(work));
    cpu_.push_back(cpu_milliseconds() - cpu);
  }
  void print(const char* name, std::size_t rows) const {
    std::printf("%s\t%.3f\t%.3f\t%zu\n", name, median(wall_), median(cpu_), rows);
  }

 private:
  static double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }
  std::vector<double> wall_, cpu_;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

std::shared_ptr<TrackingStore> open(const std::string& folder) {
  return open_store(kDefaultTrackingUri, {.working_directory = folder});
}

// Metrics m0…m9 are uniform over [0, 1); param p0 has two values, p1 ten, p2 a thousand, the others one each
// run its own.
void make(const std::string& folder, int count) {
  std::filesystem::create_directories(folder);
  const auto store = open(folder);
  const std::string experiment = store->create_experiment("search");
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform;
  for (int i = 0; i < count; ++i) {
    CreateRun create{.experiment_id = experiment,
                     .name = "run-" + std::to_string(i),
                     .user_id = "me",
                     .start_time_ms = 1'700'000'000'000 + i};
    create.tags = {
        {"mlflow.user", "me"}, {"mlflow.source.name", "train.py"}, {"team", i % 3 == 0 ? "a" : "b"}};
    const int kinds[] = {2, 10, 1000};
    for (int k = 0; k < kKeys; ++k) {
      const std::string value = k < 3 ? std::to_string(i * 7919 % kinds[k]) : std::to_string(uniform(random));
      create.params.push_back({"p" + std::to_string(k), value});
    }
    const auto run = store->create_run(create);
    Batch batch;
    for (int k = 0; k < kKeys; ++k)
      batch.metrics.push_back({"m" + std::to_string(k), uniform(random), 1'700'000'000'000 + i, 1});
    store->log_batch(run.run_id, batch);
  }
}

struct Case {
  const char* name;
  SearchRuns search;
};

std::vector<Case> cases() {
  const auto search = [](std::string filter, std::vector<std::string> order, std::int64_t results = 100) {
    return SearchRuns{.experiment_ids = {"1"},
                      .filter = std::move(filter),
                      .order_by = std::move(order),
                      .max_results = results,
                      .with_inputs = true};
  };
  return {
      {"many meet it", search("metrics.m0 > 0.1 AND params.p0 = '1'", {"metrics.m1 DESC"})},
      {"one in 20", search("metrics.m0 > 0.5 AND params.p1 = '3'", {"metrics.m1 DESC"})},
      {"few meet it: a param", search("metrics.m0 > 0.5 AND params.p2 = '42'", {"metrics.m1 DESC"})},
      {"few meet it: a metric", search("metrics.m0 > 0.9995 AND params.p0 = '1'", {"metrics.m1 DESC"})},
      {"none meets it", search("metrics.m0 > 2 AND params.p0 = '1'", {"metrics.m1 DESC"})},
      {"ordered by its metric", search("metrics.m0 > 0.5 AND params.p0 = '1'", {"metrics.m0 ASC"})},
      {"newest, many meet it", search("metrics.m0 > 0.1 AND params.p0 = '1'", {})},
      {"no filter, newest", search("", {})},
      {"no filter, by a metric", search("", {"metrics.m1 DESC"})},
      {"no filter, by a param", search("", {"params.p3"})},
      {"LIKE on a param", search("params.p3 LIKE '0.12%'", {"metrics.m1 DESC"})},
      {"all runs", search("", {}, 50'000)},
  };
}

void search(const std::string& folder) {
  const auto store = open(folder);
  for (const Case& entry : cases()) {
    Times times;
    std::size_t rows = 0;
    for (int i = 0; i < kRounds; ++i)
      times.add([&] { rows = store->search_runs(entry.search).items.size(); });
    times.print(entry.name, rows);
  }
}

void history(const std::string& folder) {
  std::filesystem::create_directories(folder);
  const auto store = open(folder);
  const auto run = store->create_run({.experiment_id = "0", .name = "history"});
  constexpr int kPoints = 100'000;
  for (int begin = 0; begin < kPoints; begin += 1000) {
    Batch batch;
    for (int i = begin; i < begin + 1000; ++i) batch.metrics.push_back({"loss", i * 0.5, 1000 + i, i});
    store->log_batch(run.run_id, batch);
  }
  Times whole, pages;
  for (int round = 0; round < kRounds; ++round) {
    whole.add([&] {
      if (store->metric_history(run.run_id, "loss").size() != kPoints) fail("points are missing");
    });
    pages.add([&] {
      std::size_t points = 0;
      HistoryQuery query{.key = "loss", .max_results = 25'000};
      do {
        const auto page = store->metric_history_page(run.run_id, query);
        points += page.items.size();
        query.page_token = page.next_page_token;
      } while (!query.page_token.empty());
      if (points != kPoints) fail("points are missing");
    });
  }
  whole.print("whole", kPoints);
  pages.print("pages of 25,000", kPoints);
}

// ---- rows a second

constexpr int kBatch = 1000;
constexpr int kBatches = 100;

void check(int status, sqlite3* database) {
  if (status != SQLITE_OK && status != SQLITE_DONE && status != SQLITE_ROW) fail(sqlite3_errmsg(database));
}

// The rows that the store writes, without the store.
class BareApi {
 public:
  explicit BareApi(const std::string& path) {
    check(sqlite3_open(path.c_str(), &database_), database_);
    execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON");
    prepare(
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0) "
        "ON CONFLICT DO NOTHING",
        &insert_);
    prepare(
        "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
        "VALUES (?1, ?2, ?3, ?5, 0, ?4) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, "
        "timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan",
        &latest_);
  }
  ~BareApi() {
    sqlite3_finalize(insert_);
    sqlite3_finalize(latest_);
    sqlite3_close(database_);
  }
  BareApi(const BareApi&) = delete;
  BareApi& operator=(const BareApi&) = delete;

  void write(const std::string& run, const std::vector<Metric>& metrics) {
    execute("BEGIN IMMEDIATE");
    std::map<std::string_view, const Metric*> last;
    for (const Metric& metric : metrics) {
      step(insert_, run, metric);
      last[metric.key] = &metric;
    }
    for (const auto& [key, metric] : last) step(latest_, run, *metric);
    execute("COMMIT");
  }

 private:
  void execute(const char* sql) { check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr), database_); }
  void prepare(const char* sql, sqlite3_stmt** statement) {
    check(sqlite3_prepare_v2(database_, sql, -1, statement, nullptr), database_);
  }
  void step(sqlite3_stmt* statement, const std::string& run, const Metric& metric) {
    sqlite3_bind_text(statement, 1, metric.key.data(), static_cast<int>(metric.key.size()), SQLITE_STATIC);
    sqlite3_bind_double(statement, 2, metric.value);
    sqlite3_bind_int64(statement, 3, metric.timestamp_ms);
    sqlite3_bind_text(statement, 4, run.data(), static_cast<int>(run.size()), SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, metric.step);
    check(sqlite3_step(statement), database_);
    check(sqlite3_reset(statement), database_);
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* latest_ = nullptr;
};

std::vector<Metric> batch_of(int number) {
  std::vector<Metric> metrics;
  for (int i = 0; i < kBatch; ++i)
    metrics.push_back(
        {"metric" + std::to_string(i % kKeys), i * 0.5, 1'700'000'000'000 + number, number * kBatch + i});
  return metrics;
}

// Both begin with an empty database of the store's making; the bare one is without our indexes, as MLflow
// makes it.
double rows_per_second(const std::string& folder, bool bare) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto store = open(folder);
  const auto run = store->create_run({.experiment_id = "0", .name = "write"});
  double time = 0;
  if (bare) {
    store.reset();
    BareApi api(folder + "/mlflow.db");
    for (int i = 0; i < kBatches; ++i) {
      const auto metrics = batch_of(i);
      time += milliseconds([&] { api.write(run.run_id, metrics); });
    }
  } else {
    for (int i = 0; i < kBatches; ++i) {
      const Batch batch{.metrics = batch_of(i)};
      time += milliseconds([&] { store->log_batch(run.run_id, batch); });
    }
  }
  return kBatches * kBatch / time * 1000;
}

void write(const std::string& folder) {
  std::vector<double> ours, bare, ratios;
  for (int round = 0; round < kRounds; ++round) {
    bare.push_back(rows_per_second(folder, true));
    ours.push_back(rows_per_second(folder, false));
    ratios.push_back(ours.back() / bare.back());
  }
  std::printf("store\t%.0f\nbare\t%.0f\nratio\t%.3f\n", median(ours), median(bare), median(ratios));
}

}  // namespace

int main(int count, char** words) {
  const std::string what = count > 2 ? words[1] : "";
  if (what == "make" && count == 4)
    make(words[2], std::atoi(words[3]));
  else if (what == "search")
    search(words[2]);
  else if (what == "history")
    history(words[2]);
  else if (what == "write")
    write(words[2]);
  else
    fail("usage: search_benchmark make FOLDER RUNS | search|history|write FOLDER");
  return 0;
}
