// ivory db: tracking databases at the schema of a certain MLflow.
#include "command.h"

#include <fmt/format.h>

#include <ivory/base/error.h>
#include <ivory/tracking/databases.h>

namespace ivory {
namespace {

class DbCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("ACTION", action_, "create or upgrade");
    options.word("URI", uri_, "the database: sqlite:///mlflow.db");
    options.choice("--mlflow", version_, tracking::schema_head_names(),
                   "create: which MLflow is to open it (without: the newest)");
  }

  int execute() override {
    if (action_ == "create") return create();
    if (action_ == "upgrade") return upgrade();
    const std::vector<std::string> actions{"create", "upgrade"};
    throw Error(ErrorCode::kInvalidArgument,
                "there is no action '" + action_ + "'" + did_you_mean(action_, actions));
  }

 private:
  [[nodiscard]] int create() const {
    const auto head = version_.empty() ? tracking::kNewestSchemaHead : tracking::parse_schema_head(version_);
    tracking::create_database(uri_, head, options());
    if (json()) {
      print(Params{{"uri", uri_}, {"mlflow", std::string(to_text(head))}}.to_json(2) + "\n");
    } else {
      print(fmt::format("{} is a new tracking database for MLflow {}.\n", uri_, to_text(head)));
    }
    return 0;
  }

  [[nodiscard]] int upgrade() const {
    if (!version_.empty())
      throw Error(ErrorCode::kInvalidArgument,
                  "--mlflow goes with create alone; an upgrade leads to the schema of MLflow " +
                      std::string(to_text(tracking::kNewestSchemaHead)));
    const auto done = tracking::upgrade_database(uri_, options());
    if (json()) {
      print(Params{{"uri", uri_}, {"from", done.from}, {"to", done.to}, {"copy", done.copy.string()}}.to_json(
                2) +
            "\n");
    } else if (done.copy.empty()) {
      print(fmt::format("{} is at the schema of MLflow {} already ({}).\n", uri_,
                        to_text(tracking::kNewestSchemaHead), done.to));
    } else {
      print(fmt::format("{} is at the schema of MLflow {} now ({}, before {}).\nAs it was it lies in {}.\n",
                        uri_, to_text(tracking::kNewestSchemaHead), done.to, done.from, done.copy.string()));
    }
    return 0;
  }

  [[nodiscard]] tracking::StoreOptions options() const { return {.working_directory = directory()}; }

  std::string action_, uri_, version_;
};

}  // namespace

std::unique_ptr<Command> make_db_command() { return std::make_unique<DbCommand>(); }

}  // namespace ivory
