// What MLflow 3.11's own server was asked and answered (fixtures/golden.jsonl), asked again.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <ivory/tracking/store_error.h>

#include "server_support.h"

namespace ivory::server {
namespace {

// Where this server answers otherwise on purpose, by the line of the file (from 0); docs/server.md lists
// them.
struct Otherwise {
  int line;
  int status;
  std::string_view error_code;
};
const std::vector<Otherwise>& differences() {
  static const std::vector<Otherwise> kDifferences{
      {16, 400, "INVALID_PARAMETER_VALUE"},   // a JSON text as body: MLflow's 500
      {17, 400, "INVALID_PARAMETER_VALUE"},   // a JSON list as body: MLflow's 500
      {90, 400, "INVALID_PARAMETER_VALUE"},   // tags as an object: MLflow drops them
      {116, 400, "INVALID_PARAMETER_VALUE"},  // step 1.5: MLflow stores 0
      {128, 400, "INVALID_PARAMETER_VALUE"},  // bare NaN, 1e999, -Infinity: MLflow stores 0.0
      {129, 400, "INVALID_PARAMETER_VALUE"}, {130, 400, "INVALID_PARAMETER_VALUE"},
      {229, 400, "INVALID_PARAMETER_VALUE"},  // experiment_ids [1]: MLflow finds nothing
      {261, 404, "RESOURCE_DOES_NOT_EXIST"},  // get-artifact of a folder: MLflow's 500
      {296, 400, "INVALID_PARAMETER_VALUE"},  // an unknown attribute of models: MLflow's 500
  };
  return kDifferences;
}
// Histories without max_results: MLflow sends none, and a token that leads to none; here they come whole.
const std::set<int> kWholeHistories{134, 135, 136, 143, 378, 379, 380, 381, 382};
// Other text: the version, the page of the root, and of what has no workspaces.
const std::set<int> kOtherText{363, 366, 369};
// Messages that tell of MLflow's insides (SQL, Python's sets and its own folders), or of ours.
const std::set<int> kOtherMessages{2, 14, 43, 66, 71, 84, 92, 200, 252, 289};
// Which of several runs that began at once come first hangs on their ids, which are random.
const std::set<int> kAnyRuns{208, 223, 373};

bool is_time(const std::string& key) {
  static const std::set<std::string> kTimes{"creation_time",         "last_update_time",
                                            "creation_timestamp",    "last_updated_timestamp",
                                            "creation_timestamp_ms", "last_updated_timestamp_ms"};
  return kTimes.contains(key);
}

// Asks line by line and compares, knowing which of our ids stands for which of MLflow's.
class Replay {
 public:
  void run(int line, const Json& golden) {
    line_ = line;
    // MLflow's answers lie further apart than the milliseconds by which what was made is ordered.
    if (golden["method"] != "GET") std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const Answer answer = ask(api_.api(), request(golden));
    const auto other = std::ranges::find(differences(), line, &Otherwise::line);
    if (other != differences().end()) {
      EXPECT_EQ(answer.status, other->status) << where(golden) << answer.text;
      EXPECT_EQ(answer.json().value("error_code", ""), other->error_code) << where(golden);
      return;
    }
    EXPECT_EQ(answer.status, golden["status"].get<int>()) << where(golden) << answer.text;
    EXPECT_EQ(answer.type, golden["response_content_type"].get<std::string>()) << where(golden);
    if (kWholeHistories.contains(line)) {
      EXPECT_FALSE(answer.json().contains("next_page_token")) << where(golden);
    } else if (golden.contains("response_text")) {
      if (kOtherText.contains(line)) return;
      EXPECT_EQ(answer.text, golden["response_text"].get<std::string>()) << where(golden);
    } else if (kAnyRuns.contains(line)) {
      EXPECT_FALSE(answer.json()["runs"].empty()) << where(golden);
    } else if (golden["response"].is_object()) {
      compare(where(golden), "", golden["response"], answer.json());
    }
  }

 private:
  static std::string where(const Json& golden) {
    return golden["method"].get<std::string>() + " " + golden["path"].get<std::string>() + " " +
           golden.value("note", "") + " " + golden["body"].dump().substr(0, 300) + "\n";
  }

  [[nodiscard]] std::string ours(std::string text) const {
    for (const auto& [theirs, own] : ids_)
      for (std::size_t at = 0; (at = text.find(theirs, at)) != std::string::npos; at += own.size())
        text.replace(at, theirs.size(), own);
    return text;
  }

  static std::string encoded(const std::string& text) {
    std::string result;
    for (const unsigned char c : text) {
      char piece[4];
      std::snprintf(piece, sizeof piece, "%%%02X", c);
      result += std::isalnum(c) != 0 || c == '/' ? std::string(1, static_cast<char>(c)) : std::string(piece);
    }
    return result;
  }

  net::Request request(const Json& golden) const {
    std::string target = encoded(ours(golden["path"]));
    char separator = '?';
    if (golden["query"].is_object()) {
      for (const auto& [name, value] : golden["query"].items()) {
        for (const Json& item : value.is_array() ? value : Json::array({value})) {
          target += separator + name + "=" +
                    encoded(ours(item.is_string() ? item.get<std::string>() : item.dump()));
          separator = '&';
        }
      }
    }
    std::string body = golden.contains("raw_body") ? golden["raw_body"].get<std::string>()
                       : golden["body"].is_null()  ? ""
                                                   : golden["body"].dump();
    if (golden["body"].is_string()) body = large_batch(golden);
    std::string type = golden.contains("request_content_type") && golden["request_content_type"].is_null()
                           ? ""
                           : golden.value("request_content_type", "application/json");
    net::Request request = request_of(golden["method"], target, ours(body), type);
    const std::string note = golden.value("note", "");
    if (note.starts_with("foreign Host")) request.headers[0].second = "evil.example";
    if (note.starts_with("private-range Host")) request.headers[0].second = "192.168.1.7:5000";
    if (note.starts_with("foreign Origin")) request.headers.emplace_back("Origin", "http://evil.example");
    if (note.starts_with("localhost Origin")) request.headers.emplace_back("Origin", "http://localhost:3000");
    return request;
  }

  // The file leaves it out: 100 params and 80 tags of 6000 characters, for the run that was made last.
  [[nodiscard]] std::string large_batch(const Json&) const {
    Json body{{"run_id", last_run_}, {"params", Json::array()}, {"tags", Json::array()}};
    for (int i = 0; i < 100; ++i)
      body["params"].push_back({{"key", "p" + std::to_string(i)}, {"value", std::string(6000, 'v')}});
    for (int i = 0; i < 80; ++i)
      body["tags"].push_back({{"key", "t" + std::to_string(i)}, {"value", std::string(6000, 'v')}});
    return body.dump();
  }

  void learn(const std::string& key, const std::string& theirs, const std::string& own) {
    static const std::regex kId("(m-)?[0-9a-f]{32}");
    if (std::regex_match(theirs, kId) && !ids_.contains(theirs)) ids_[theirs] = own;
    if (key == "run_id") last_run_ = own;
  }

  void compare(const std::string& where, const std::string& key, const Json& theirs, const Json& own) {
    if (theirs.is_object()) return compare_objects(where, theirs, own);
    if (theirs.is_array()) return compare_lists(where, theirs, own);
    if (is_time(key)) {
      EXPECT_TRUE(own.is_number_integer()) << where << key << own;
    } else if (theirs.is_string()) {
      compare_texts(where, key, theirs, own.is_string() ? own.get<std::string>() : own.dump());
    } else {
      EXPECT_EQ(theirs, own) << where << key;
    }
  }

  void compare_texts(const std::string& where, const std::string& key, const std::string& theirs,
                     const std::string& own) {
    static const std::regex kMadeUp("[a-z]+-[a-z]+-[0-9]+");
    learn(key, theirs, own);
    if (std::regex_match(theirs, kMadeUp) && std::regex_match(own, kMadeUp)) return;
    if (key == "user_id" && theirs.empty()) return;  // here: "unknown"
    if (theirs.find("utc_time_created") != std::string::npos)
      return;  // log-model: here as the client wrote it
    if (key == "message" && kOtherMessages.contains(line_)) return;
    const auto set = key == "message" ? theirs.find("'{") : std::string::npos;  // Python's sets have no order
    EXPECT_EQ(own.substr(0, set), ours(theirs).substr(0, set)) << where << key;
  }

  void compare_objects(const std::string& where, const Json& theirs, const Json& own) {
    std::vector<std::string> names, own_names;
    for (const auto& [name, value] : theirs.items()) names.push_back(name);
    for (const auto& [name, value] : own.items()) own_names.push_back(name);
    EXPECT_EQ(own_names, names) << where << own;
    for (const auto& [name, value] : theirs.items())
      if (own.contains(name)) compare(where, name, value, own[name]);
  }

  // Lists of keys and values in the order of keys: MLflow's is that of its rows. Points that were refused
  // here are missing.
  void compare_lists(const std::string& where, Json theirs, Json own) {
    static const std::set<std::string> kRefused{"rawnan", "rawbig", "rawinf", "fstep"};
    std::erase_if(theirs.get_ref<Json::array_t&>(), [](const Json& item) {
      return item.is_object() && kRefused.contains(item.value("key", ""));
    });
    const auto sort = [](Json& list) {
      const auto key = [](const Json& item) {
        if (item.contains("dataset")) return item["dataset"].value("digest", "");
        return item.is_object() ? item.value("key", "") : "";
      };
      std::stable_sort(list.begin(), list.end(),
                       [&](const Json& a, const Json& b) { return key(a) < key(b); });
    };
    sort(theirs);
    sort(own);
    ASSERT_EQ(own.size(), theirs.size()) << where << own.dump();
    for (std::size_t i = 0; i < theirs.size(); ++i) compare(where, "", theirs[i], own[i]);
  }

  TestApi api_;
  int line_ = 0;
  std::map<std::string, std::string> ids_;  // theirs to ours
  std::string last_run_;
};

TEST(Golden, EveryAnswerIsMlflows) {
  std::ifstream file(IVORY_FIXTURES "/golden.jsonl");
  Replay replay;
  int line = 0;
  for (std::string text; std::getline(file, text); ++line) {
    SCOPED_TRACE("line " + std::to_string(line));
    replay.run(line, Json::parse(text));
  }
  EXPECT_EQ(line, 383);
}

}  // namespace
}  // namespace ivory::server
