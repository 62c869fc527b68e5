// The user's own classes as sources and as a built library; the third way, a program of their own that links
// Ivory, is in tests/install.
#include "cli_support.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSource =
    "#include <ivory/registry/module.h>\n"
    "#include \"more.h\"\n"
    "struct Thing {\n"
    "  explicit Thing(int n) : n(n) {}\n"
    "  int n;\n"
    "};\n"
    "IVORY_MODULE(things, m) { m.type<Thing>(\"things.Thing\", HELP).init<int>(ivory::arg(\"n\") = kNumber); "
    "}\n";

class Sources : public Cli {
 protected:
  Sources() {
    write("client.yml", "# mine\nmodules: [thing.cpp]\n");
    write("thing.cpp", kSource);
    write("more.h", "#define HELP \"a thing\"\nconstexpr int kNumber = 3;\n");
  }
};

TEST_F(Sources, AreCompiledOnceAndAgainWhenAHeaderChanges) {
  const CommandResult first = ivory({"types", "things.Thing"});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("compiling thing.cpp"));
  EXPECT_THAT(first.out, HasSubstr("things.Thing(n=3)"));
  const CommandResult second = ivory({"types", "things.Thing"});
  EXPECT_EQ(second.err, "");
  EXPECT_EQ(second.out, first.out);
  write("more.h", "#define HELP \"a thing\"\nconstexpr int kNumber = 4;\n");
  const CommandResult third = ivory({"types", "things.Thing"});
  EXPECT_THAT(third.err, HasSubstr("compiling thing.cpp"));
  EXPECT_THAT(third.out, HasSubstr("things.Thing(n=4)"));
  // Only touched, it is the same.
  fs::last_write_time(path() / "more.h", fs::last_write_time(path() / "more.h") + std::chrono::seconds(5));
  EXPECT_EQ(ivory({"types", "things.Thing"}).err, "");
}

TEST_F(Sources, TwoProcessesAtOnceCompileOnce) {
  RunningCommand a(path(), {"types", "things"});
  RunningCommand b(path(), {"types", "things"});
  const CommandResult first = a.wait();
  const CommandResult second = b.wait();
  EXPECT_EQ(first.out, second.out);
  EXPECT_EQ(first.status + second.status, 0);
  EXPECT_NE(first.err.empty(), second.err.empty());
}

TEST_F(Sources, ShareWhatTheyDefine) {
  write("client.yml", "modules: [thing.cpp, other.cpp]\n");
  write("more.h", "#define HELP help()\nconst char* help();\nconstexpr int kNumber = 3;\n");
  write("other.cpp", "#include \"more.h\"\nconst char* help() { return \"from the other file\"; }\n");
  const CommandResult result = ivory({"types", "things"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("from the other file"));
}

TEST_F(Sources, ThatDoNotCompileShowTheCompilersWords) {
  write("more.h", "#define HELP \"a thing\"\nconstexpr int kNumbr = 3;\n");
  const CommandResult result = ivory({"run", "toy"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("ivory: client.yml:2: thing.cpp does not compile"),
                                HasSubstr("thing.cpp:7:"), HasSubstr("kNumber")));
  expect_nothing_written();
  EXPECT_EQ(ivory({"run", "toy"}).status, 2) << "a failure is not kept";
}

TEST_F(Sources, ThatMissADefinitionSaySo) {
  write("more.h", "#define HELP help()\nconst char* help();\nconstexpr int kNumber = 3;\n");
  const CommandResult result = ivory({"types"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("client.yml:2: "), HasSubstr("thing.cpp"), HasSubstr("help")));
}

TEST_F(Sources, ThatDeclareNothingSaySo) {
  write("thing.cpp", "int nothing() { return 0; }\n");
  const CommandResult result = ivory({"types"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("client.yml:2: thing.cpp declares no module"), HasSubstr("IVORY_MODULE")));
}

TEST_F(Sources, ThatDeclareATakenNameSaySo) {
  write("client.yml", "modules: [" TOY_LIBRARY ", thing.cpp]\n");
  edit("thing.cpp", "things.Thing", "toy.Trainer");
  const CommandResult result = ivory({"types"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("client.yml:1"), HasSubstr("'toy.Trainer' is declared")));
}

TEST_F(Cli, ABuiltLibraryGetsItsManifest) {
  fs::copy_file(TOY_LIBRARY, path() / "libtoy.so");
  write("client.yml", "modules: [libtoy.so]\n");
  EXPECT_EQ(ivory({"show", "toy"}).status, 0);
  EXPECT_TRUE(fs::exists(path() / "libtoy.so.manifest.json"));
  EXPECT_EQ(ivory({"run", "toy"}).status, 0);
}

TEST_F(Cli, ANewProjectTrainsAtOnce) {
  const CommandResult made = ivory({"new", "first"});
  EXPECT_EQ(made.status, 0) << made.err;
  set_path(path() / "first");
  const Params report = ivory_json({"run", "curve", "fold=0-3"});
  ASSERT_EQ(report.at("runs").size(), 4U);
  EXPECT_LT(report.at("summary").at("metrics").at("val_rmse").at("mean").as_real(), 0.2);
  EXPECT_THAT(ivory({"types", "polynomial"}).out, HasSubstr("polynomial.Trainer(degree=3"));
  set_path(path().parent_path());
}

}  // namespace
}  // namespace ivory
