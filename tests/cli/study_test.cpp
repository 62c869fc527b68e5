// ivory study: studies looked at and driven from outside.
#include "cli_support.h"

#include <cmath>

namespace ivory {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class StudyCli : public Cli {
 protected:
  CommandResult study(std::vector<std::string> words) const {
    words.insert(words.begin(), "study");
    words.insert(words.end(), {"--storage", "sqlite:///s.db"});
    return ivory(words);
  }
  std::string out_of(const std::vector<std::string>& words) const {
    const CommandResult result = study(words);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  [[nodiscard]] std::string error_of(const std::vector<std::string>& words) const {
    const CommandResult result = study(words);
    EXPECT_EQ(result.status, 2) << result.out << result.err;
    return result.err;
  }
  // Trials as a program in another language makes them.
  void run_trials(int n) const {
    for (int i = 0; i < n; ++i) {
      const Params trial = Params::from_json(
          out_of({"ask", "area", "lr=1e-5_1e-1.log", "n=1_8", "x=-2.0_2.0", "c=a,b", "--seed", "1"}));
      const std::string number = std::to_string(trial.at("number").as_int());
      const double x = trial.at("params").at("x").as_real();
      EXPECT_LE(std::abs(x), 2);
      EXPECT_TRUE(trial.at("params").at("n").is_int());
      out_of({"tell", "area", number, "--value", std::to_string(x * x)});
    }
  }
};

TEST_F(StudyCli, AsksTellsAndShows) {
  EXPECT_EQ(out_of({"create", "area"}), "area\n");
  EXPECT_THAT(out_of({"list"}), AllOf(HasSubstr("area"), HasSubstr("minimize")));
  run_trials(4);
  out_of({"ask", "area", "x=-2.0_2.0"});
  EXPECT_THAT(out_of({"tell", "area", "4", "--state", "fail"}), HasSubstr("trial 4: FAIL"));
  EXPECT_THAT(out_of({"show"}), AllOf(HasSubstr("5 trials"), HasSubstr("4 COMPLETE"), HasSubstr("1 FAIL")));
  const Params trials = Params::from_json(out_of({"trials", "area", "--json"}));
  ASSERT_EQ(trials.size(), 5U);
  double least = HUGE_VAL;
  for (std::size_t i = 0; i < 4; ++i) least = std::min(least, trials.at(i).at("values").at(0).as_real());
  const Params best = Params::from_json(out_of({"best", "area", "--json"}));
  EXPECT_EQ(best.at(0).at("values").at(0).as_real(), least);
  EXPECT_THAT(trials.at(0).at("distributions").at("lr").to_json(),
              AllOf(HasSubstr("\"log\":true"), HasSubstr("FloatDistribution")));
}

TEST_F(StudyCli, WritesTables) {
  out_of({"create", "area"});
  run_trials(3);
  const std::string csv = out_of({"trials", "--csv"});
  EXPECT_THAT(csv,
              testing::StartsWith("number,value,datetime_start,datetime_complete,duration,params_lr,params_n,"
                                  "params_x,params_c,state\n0,"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 4);
  out_of({"export", "-o", "area.csv"});
  EXPECT_EQ(read("area.csv"), csv);
  out_of({"export", "area", "-o", "area.json"});
  EXPECT_EQ(Params::from_json(read("area.json")).at("trials").size(), 3U);
  EXPECT_THAT(out_of({"list", "--csv"}), HasSubstr("area,minimize,3,3,0,"));
  const Params importance = Params::from_json(out_of({"importance", "--json", "--evaluator", "fanova"}));
  EXPECT_EQ(importance.size(), 4U);
  EXPECT_THAT(out_of({"importance"}), HasSubstr("parameter"));
}

TEST_F(StudyCli, CopiesAndDeletes) {
  out_of({"create", "area", "--direction", "minimize,maximize"});
  out_of({"ask", "x=0.0_1.0"});
  out_of({"tell", "0", "--value", "1,-2.5"});
  out_of({"copy", "area", "second"});
  out_of({"copy", "area", "--to", "journal:///a.log"});
  const CommandResult copied = ivory({"study", "best", "--json", "--storage", "journal:///a.log"});
  EXPECT_EQ(Params::from_json(copied.out).at(0).at("values").to_json(), "[1.0,-2.5]");
  out_of({"delete", "area"});
  EXPECT_THAT(out_of({"list"}), AllOf(HasSubstr("second"), Not(HasSubstr("area"))));
}

TEST_F(StudyCli, SaysWhatIsWrongAndWhatInstead) {
  EXPECT_THAT(error_of({"list"}), HasSubstr("there is no file s.db"));
  EXPECT_FALSE(std::filesystem::exists(path() / "s.db"));
  out_of({"create", "area"});
  EXPECT_THAT(error_of({"best", "aera"}), HasSubstr("did you mean 'area'"));
  EXPECT_THAT(error_of({"lsit"}), HasSubstr("did you mean 'list'"));
  EXPECT_THAT(study({"create", "area"}).err, HasSubstr("'area' exists"));
  EXPECT_THAT(error_of({"ask", "area", "lr=1e-1_1e-5.log"}), HasSubstr("the parameter lr=1e-1_1e-5.log"));
  EXPECT_THAT(error_of({"ask", "area", "lr=1_5", "--sampler", "tep"}), HasSubstr("did you mean 'tpe'"));
  EXPECT_THAT(error_of({"tell", "area", "7", "--value", "1"}), HasSubstr("trial 7"));
  EXPECT_THAT(error_of({"tell", "area", "one", "--value", "1"}), HasSubstr("not 'one'"));
  EXPECT_THAT(error_of({"tell", "area", "0"}), HasSubstr("--value"));
  EXPECT_THAT(error_of({"export", "-o", "area.txt"}), HasSubstr(".csv or .json"));
  EXPECT_THAT(ivory({"study", "list"}).err, HasSubstr("there is no file"));  // that of the tuner
  EXPECT_THAT(ivory({"study", "list", "--storage", "s.db"}).err, HasSubstr("did you mean 'sqlite:///s.db'"));
  EXPECT_THAT(ivory({"study", "list", "--storage", "sqlite:///S.db"}).err, HasSubstr("did you mean 's.db'"));
  EXPECT_THAT(ivory({"study", "list", "--storage", "sqlite:///s.db?durabilty=full"}).err,
              HasSubstr("did you mean 'durability'"));
  EXPECT_THAT(ivory({"study", "--help"}).out, HasSubstr("ivory study ask area"));
}

}  // namespace
}  // namespace ivory
