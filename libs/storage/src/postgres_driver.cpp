// PostgreSQL through its client library, libpq, which is looked for when a program first asks for it: loading
// it takes as long as ten starts of a program that has no use for it.
#include "driver.h"

#ifdef IVORY_WITH_POSTGRESQL
#include <dlfcn.h>
#include <libpq-fe.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

namespace ivory::storage {
namespace {

// The functions of libpq in use.
class Libpq {
 public:
  static const Libpq& get() {
    static const Libpq kLibrary;
    return kLibrary;
  }

  decltype(&::PQconnectdbParams) connect = nullptr;
  decltype(&::PQfinish) finish = nullptr;
  decltype(&::PQstatus) status = nullptr;
  decltype(&::PQerrorMessage) error_message = nullptr;
  decltype(&::PQexec) exec = nullptr;
  decltype(&::PQprepare) prepare = nullptr;
  decltype(&::PQexecPrepared) exec_prepared = nullptr;
  decltype(&::PQexecParams) exec_params = nullptr;
  decltype(&::PQenterPipelineMode) enter_pipeline = nullptr;
  decltype(&::PQexitPipelineMode) exit_pipeline = nullptr;
  decltype(&::PQpipelineSync) sync_pipeline = nullptr;
  decltype(&::PQsendQueryParams) send_query = nullptr;
  decltype(&::PQsendQueryPrepared) send_prepared = nullptr;
  decltype(&::PQgetResult) get_result = nullptr;
  decltype(&::PQresultStatus) result_status = nullptr;
  decltype(&::PQresultErrorField) result_error_field = nullptr;
  decltype(&::PQresultErrorMessage) result_error_message = nullptr;
  decltype(&::PQclear) clear = nullptr;
  decltype(&::PQntuples) tuple_count = nullptr;
  decltype(&::PQgetvalue) value = nullptr;
  decltype(&::PQgetlength) length = nullptr;
  decltype(&::PQgetisnull) is_null = nullptr;
  decltype(&::PQcmdTuples) changed = nullptr;
  decltype(&::PQtransactionStatus) transaction_status = nullptr;
  decltype(&::PQsetNoticeProcessor) set_notice_processor = nullptr;

 private:
  Libpq() {
    // Never closed: what it registers with the process lives as long as the process.
    void* const library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      throw Error(ErrorCode::kUnsupported,
                  "PostgreSQL needs its client library libpq.so.5 (Debian: libpq5): " +
                      std::string(::dlerror()));  // NOLINT(concurrency-mt-unsafe)
    }
    const auto find = [library](auto& function, const char* name) {
      void* const found = ::dlsym(library, name);
      if (found == nullptr)
        throw Error(ErrorCode::kUnsupported, "libpq.so.5 has no " + std::string(name) + ": it is too old");
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
    };
    find(connect, "PQconnectdbParams");
    find(finish, "PQfinish");
    find(status, "PQstatus");
    find(error_message, "PQerrorMessage");
    find(exec, "PQexec");
    find(prepare, "PQprepare");
    find(exec_prepared, "PQexecPrepared");
    find(exec_params, "PQexecParams");
    find(enter_pipeline, "PQenterPipelineMode");
    find(exit_pipeline, "PQexitPipelineMode");
    find(sync_pipeline, "PQpipelineSync");
    find(send_query, "PQsendQueryParams");
    find(send_prepared, "PQsendQueryPrepared");
    find(get_result, "PQgetResult");
    find(result_status, "PQresultStatus");
    find(result_error_field, "PQresultErrorField");
    find(result_error_message, "PQresultErrorMessage");
    find(clear, "PQclear");
    find(tuple_count, "PQntuples");
    find(value, "PQgetvalue");
    find(length, "PQgetlength");
    find(is_null, "PQgetisnull");
    find(changed, "PQcmdTuples");
    find(transaction_status, "PQtransactionStatus");
    find(set_notice_processor, "PQsetNoticeProcessor");
  }
};

struct ResultClearer {
  void operator()(PGresult* result) const noexcept { Libpq::get().clear(result); }
};
using Result = std::unique_ptr<PGresult, ResultClearer>;
struct Finisher {
  void operator()(PGconn* connection) const noexcept { Libpq::get().finish(connection); }
};

// `?` as PostgreSQL's $1, $2 …; `?3` as $3. What stands in quotes stays.
std::string with_dollars(std::string_view sql) {
  std::string text;
  std::size_t last = 0;
  char quote = 0;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '?') {
      std::size_t number = 0;
      const auto* const begin = sql.data() + i + 1;
      const auto* const end = std::from_chars(begin, sql.data() + sql.size(), number).ptr;
      if (end == begin) number = last + 1;
      last = std::max(last, number);
      text += '$' + std::to_string(number);
      i += static_cast<std::size_t>(end - begin);
      continue;
    }
    text += c;
  }
  return text;
}

// The address without "+driver", which SQLAlchemy's URLs may have.
std::string libpq_url(const std::string& url) {
  const auto colon = url.find("://"), plus = url.find('+');
  return plus < colon ? url.substr(0, plus) + url.substr(colon) : url;
}

class PostgresDriver final : public Driver {
 public:
  explicit PostgresDriver(const ConnectionOptions& options)
      : name_(database_name(options)), busy_timeout_(options.busy_timeout) {
    const std::string url = libpq_url(options.server);
    // What stands before the address, the address may say otherwise.
    constexpr std::array<const char*, 5> kKeywords{"connect_timeout", "dbname", "client_encoding",
                                                   "fallback_application_name", nullptr};
    const std::string timeout = std::to_string(options.connect_timeout.count());
    const bool is_told = std::getenv("PGCONNECT_TIMEOUT") != nullptr;
    const std::array<const char*, 5> values{is_told ? "" : timeout.c_str(), url.c_str(), "UTF8", "ivory",
                                            nullptr};
    handle_.reset(pq_.connect(kKeywords.data(), values.data(), 1));
    if (pq_.status(handle_.get()) != CONNECTION_OK)
      throw Error(ErrorCode::kIo, "database '" + name_ + "': " + last_words());
    pq_.set_notice_processor(handle_.get(), [](void*, const char*) {}, nullptr);
    execute(
        "SET DateStyle = 'ISO'; SET extra_float_digits = 3; SET synchronous_commit = off; SET lock_timeout "
        "= " +
        std::to_string(busy_timeout_.count()));
    set_durability(options.durability);
    if (options.mode == OpenMode::kReadOnly) execute("SET default_transaction_read_only = on");
  }

  [[nodiscard]] StatementPointer prepare(std::string_view sql) override;
  [[nodiscard]] StatementPointer prepare_unplanned(std::string_view sql) override;
  void execute(std::string_view sql) override {
    if (const char* const begin = std::exchange(waiting_begin_, nullptr))
      check(Result(pq_.exec(handle_.get(), begin)), begin);
    check(Result(pq_.exec(handle_.get(), std::string(sql).c_str())), sql);
  }
  [[nodiscard]] std::int64_t changed_rows() const override { return changed_rows_; }
  [[nodiscard]] std::int64_t last_insert_id() override {
    const Result result = check(Result(pq_.exec(handle_.get(), "SELECT lastval()")), "lastval");
    return std::stoll(pq_.value(result.get(), 0, 0));
  }
  // BEGIN goes with the first statement: one answer to wait for less.
  void begin(Access access) override {
    waiting_begin_ = access == Access::kWrite ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  }
  void commit() override {
    if (waiting_begin_ == nullptr) execute("COMMIT");
    waiting_begin_ = nullptr;
  }
  [[nodiscard]] bool in_transaction() const override {
    const auto status = pq_.transaction_status(handle_.get());
    return waiting_begin_ != nullptr || (status != PQTRANS_IDLE && status != PQTRANS_UNKNOWN);
  }
  [[nodiscard]] bool is_broken() const override {
    return has_ended_ || pq_.status(handle_.get()) != CONNECTION_OK;
  }
  void set_durability(Durability durability) override {
    if (durability == durability_) return;
    execute(durability == Durability::kFull ? "SET synchronous_commit = on" : "SET synchronous_commit = off");
    durability_ = durability;
  }
  std::chrono::milliseconds set_busy_timeout(std::chrono::milliseconds timeout) override {
    execute("SET lock_timeout = " + std::to_string(timeout.count()));
    return std::exchange(busy_timeout_, timeout);
  }

  // `prepared` is empty for a statement that the server has not prepared.
  Result run(const std::string& prepared, const std::vector<const char*>& values, const std::string& sql) {
    Result result = check(
        waiting_begin_ == nullptr ? run_alone(prepared, values, sql) : run_first(prepared, values, sql), sql);
    const char* const changed = pq_.changed(result.get());
    changed_rows_ = *changed == '\0' ? 0 : std::stoll(changed);
    return result;
  }

 private:
  Result run_alone(const std::string& prepared, const std::vector<const char*>& values,
                   const std::string& sql) {
    if (prepared.empty()) {
      return Result(pq_.exec_params(handle_.get(), with_dollars(sql).c_str(), static_cast<int>(values.size()),
                                    nullptr, values.data(), nullptr, nullptr, 0));
    }
    return Result(pq_.exec_prepared(handle_.get(), prepared.c_str(), static_cast<int>(values.size()),
                                    values.data(), nullptr, nullptr, 0));
  }
  // BEGIN and the statement in one go.
  Result run_first(const std::string& prepared, const std::vector<const char*>& values,
                   const std::string& sql) {
    const char* const begin = std::exchange(waiting_begin_, nullptr);
    PGconn* const connection = handle_.get();
    const bool sent = pq_.enter_pipeline(connection) == 1 &&
                      pq_.send_query(connection, begin, 0, nullptr, nullptr, nullptr, nullptr, 0) == 1 &&
                      send(prepared, values, sql) && pq_.sync_pipeline(connection) == 1;
    if (!sent) fail(nullptr, begin);
    Result answer;  // the first that is an error, or the last
    bool is_between = false, has_sync = false;
    while (pq_.status(connection) == CONNECTION_OK) {
      Result next(pq_.get_result(connection));
      if (!next) {
        // The end of one answer; with nothing after it, the server has gone.
        if (is_between) break;
        is_between = true;
        continue;
      }
      is_between = false;
      if (pq_.result_status(next.get()) == PGRES_PIPELINE_SYNC) {
        has_sync = true;
        break;
      }
      if (!answer || is_good(answer)) answer = std::move(next);
    }
    if (!has_sync || pq_.exit_pipeline(connection) != 1) has_ended_ = true;
    return answer;
  }
  bool send(const std::string& prepared, const std::vector<const char*>& values, const std::string& sql) {
    const int count = static_cast<int>(values.size());
    if (prepared.empty()) {
      return pq_.send_query(handle_.get(), with_dollars(sql).c_str(), count, nullptr, values.data(), nullptr,
                            nullptr, 0) == 1;
    }
    return pq_.send_prepared(handle_.get(), prepared.c_str(), count, values.data(), nullptr, nullptr, 0) == 1;
  }
  // Of a result, or of the connection.
  [[nodiscard]] std::string last_words(const PGresult* result = nullptr) const {
    std::string words =
        result == nullptr ? pq_.error_message(handle_.get()) : pq_.result_error_message(result);
    while (!words.empty() && words.back() == '\n') words.pop_back();
    return words;
  }
  [[nodiscard]] bool is_good(const Result& result) const {
    const auto status = pq_.result_status(result.get());
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  }
  Result check(Result result, std::string_view doing) {
    if (is_good(result)) return result;
    fail(result.get(), doing);
  }
  // By the classes of SQLSTATE.
  [[noreturn]] void fail(const PGresult* result, std::string_view doing) {
    const char* const state = pq_.result_error_field(result, PG_DIAG_SQLSTATE);
    const std::string code = state == nullptr ? "" : state;
    const std::string message = "database '" + name_ + "': " + last_words(result);
    // Without a code they are libpq's own words, about the connection.
    has_ended_ = has_ended_ || code.empty() || code.starts_with("57P") || code.starts_with("08");
    if (code == "40001" || code == "40P01" || code == "55P03")
      throw Busy(ErrorCode::kIo, message + "; another process held it for too long");
    if (code.starts_with("23")) throw ConstraintViolated(ErrorCode::kConflict, message);
    if (code.starts_with("22")) throw Error(ErrorCode::kInvalidArgument, message);
    if (code.starts_with("42") && code != "42501")
      throw Error(ErrorCode::kInternal, message + " in: " + std::string(doing));
    throw Error(ErrorCode::kIo, message);
  }

  const Libpq& pq_ = Libpq::get();
  std::string name_;
  std::unique_ptr<PGconn, Finisher> handle_;
  std::chrono::milliseconds busy_timeout_;
  Durability durability_ = Durability::kProcess;
  std::int64_t changed_rows_ = 0;
  const char* waiting_begin_ = nullptr;  // what the next statement goes with
  bool has_ended_ = false;
  std::unordered_map<std::string, std::string> prepared_;  // the server's name of each text
};

// Its rows are fetched as a whole, as text.
class PostgresStatement final : public Statement {
 public:
  PostgresStatement(PostgresDriver& driver, std::string sql, std::string name)
      : driver_(driver), sql_(std::move(sql)), name_(std::move(name)) {}

  void restart() override {
    result_.reset();
    row_ = -1;
  }
  void clear() override { values_.clear(); }
  void bind(int parameter, std::int64_t value) override { slot(parameter) = std::to_string(value); }
  void bind(int parameter, double value) override {
    if (std::isnan(value)) return bind_null(parameter);
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    slot(parameter) = std::string(buffer.data(), end);
  }
  void bind(int parameter, std::string_view value) override {
    if (value.find('\0') != std::string_view::npos)
      throw Error(ErrorCode::kInvalidArgument, "PostgreSQL keeps no text with a NUL in it");
    slot(parameter) = std::string(value);
  }
  void bind_null(int parameter) override { slot(parameter).reset(); }

  bool step() override {
    if (!result_) {
      std::vector<const char*> values;
      values.reserve(values_.size());
      for (const auto& value : values_) values.push_back(value ? value->c_str() : nullptr);
      result_ = driver_.run(name_, values, sql_);
    }
    return ++row_ < pq_.tuple_count(result_.get());
  }
  [[nodiscard]] bool is_null(int column) const override {
    return pq_.is_null(result_.get(), row_, column) != 0;
  }
  [[nodiscard]] std::int64_t integer(int column) const override {
    std::int64_t value = 0;
    const std::string_view digits = text(column);
    if (digits == "t") return 1;  // a boolean
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  [[nodiscard]] double real(int column) const override {
    double value = 0;
    const std::string_view digits = text(column);
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  [[nodiscard]] std::string_view text(int column) const override {
    return {pq_.value(result_.get(), row_, column),
            static_cast<std::size_t>(pq_.length(result_.get(), row_, column))};
  }

 private:
  std::optional<std::string>& slot(int parameter) {
    const auto index = static_cast<std::size_t>(parameter);
    if (values_.size() <= index) values_.resize(index + 1);
    return values_[index];
  }
  const Libpq& pq_ = Libpq::get();
  PostgresDriver& driver_;
  std::string sql_, name_;
  std::vector<std::optional<std::string>> values_;
  Result result_;
  int row_ = -1;
};

StatementPointer PostgresDriver::prepare(std::string_view sql) {
  const auto [known, is_new] =
      prepared_.try_emplace(std::string(sql), "ivory_" + std::to_string(prepared_.size()));
  if (is_new) {
    try {
      check(Result(pq_.prepare(handle_.get(), known->second.c_str(), with_dollars(sql).c_str(), 0, nullptr)),
            sql);
    } catch (...) {
      prepared_.erase(known);
      throw;
    }
  }
  return StatementPointer(new PostgresStatement(*this, std::string(sql),
                                                known->second));  // NOLINT(cppcoreguidelines-owning-memory)
}

StatementPointer PostgresDriver::prepare_unplanned(std::string_view sql) {
  return StatementPointer(new PostgresStatement(*this, std::string(sql),
                                                std::string()));  // NOLINT(cppcoreguidelines-owning-memory)
}

}  // namespace

std::unique_ptr<Driver> open_postgres(const ConnectionOptions& options) {
  return std::make_unique<PostgresDriver>(options);
}

}  // namespace ivory::storage

#else

namespace ivory::storage {

std::unique_ptr<Driver> open_postgres(const ConnectionOptions& options) {
  throw Error(ErrorCode::kUnsupported,
              "database '" + database_name(options) +
                  "': this build has no PostgreSQL; install libpq-dev, configure and build again");
}

}  // namespace ivory::storage

#endif
