#include <gmock/gmock.h>
#include <ivory/base/error.h>
#include <ivory/base/files.h>
#include <ivory/base/rng.h>
#include <ivory/data/csv.h>

#include <cmath>

namespace ivory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;

std::string message_of(const std::string& text, const CsvOptions& options = {}) {
  try {
    static_cast<void>(parse_csv(text, "t.csv", options));
  } catch (const Error& error) {
    EXPECT_EQ(ErrorCode::kInvalidArgument, error.code());
    return error.what();
  }
  return "no error";
}

TEST(Csv, ReadsNumbersAndText) {
  const CsvTable table = parse_csv("a,b,c\n1,red,0.5\n-2,blue,+1e3\n", "t.csv");
  ASSERT_EQ(2, table.rows());
  EXPECT_THAT(table.get_column("a").numbers, ElementsAre(1, -2));
  EXPECT_TRUE(table.get_column("a").integral);
  EXPECT_THAT(table.get_column("c").numbers, ElementsAre(0.5, 1000));
  EXPECT_FALSE(table.get_column("c").integral);
  const CsvColumn& b = table.get_column("b");
  EXPECT_TRUE(b.text);
  EXPECT_THAT(b.categories, ElementsAre("blue", "red"));
  EXPECT_THAT(b.codes, ElementsAre(1, 0));
  EXPECT_THAT(table.lines, ElementsAre(2, 3));
}

TEST(Csv, FollowsRfc4180InQuotations) {
  const CsvTable table =
      parse_csv("name,\"x,y\"\r\n\"a \"\"b\"\"\",1\r\n\"two\r\nlines\",\" 2 \"\r\nplain,3", "t.csv");
  EXPECT_THAT(table.get_column("name").categories, ElementsAre("a \"b\"", "plain", "two\r\nlines"));
  EXPECT_THAT(table.get_column("x,y").numbers, ElementsAre(1, 2, 3));
  EXPECT_THAT(table.lines, ElementsAre(2, 3, 5));
}

TEST(Csv, MissingValuesAreNanOrHaveNoCategory) {
  const CsvTable table = parse_csv("n,t,e\n,NA,\nnan,x,NULL\n3,None,n/a\n", "t.csv");
  EXPECT_THAT(table.get_column("n").numbers, ElementsAre(IsNan(), IsNan(), 3));
  EXPECT_FALSE(table.get_column("n").integral);
  EXPECT_THAT(table.get_column("t").codes, ElementsAre(-1, 0, -1));
  EXPECT_THAT(table.get_column("e").numbers, ElementsAre(IsNan(), IsNan(), IsNan()));
}

TEST(Csv, SkipsEmptyLinesAndTheByteOrderMark) {
  const CsvTable table = parse_csv(
      "\xEF\xBB\xBF"
      "a\n\n1\n  \n2\n\n",
      "t.csv");
  EXPECT_THAT(table.get_column("a").numbers, ElementsAre(1, 2));
  EXPECT_THAT(table.lines, ElementsAre(3, 5));
}

TEST(Csv, ReadsOtherSeparatorsAndLineEnds) {
  EXPECT_THAT(parse_csv("a;b\n1;2,5\n", "t", {.separator = ';'}).get_column("b").categories,
              ElementsAre("2,5"));
  EXPECT_THAT(parse_csv("a\tb\r1\t2\r3\t4\r", "t", {.separator = '\t'}).get_column("b").numbers,
              ElementsAre(2, 4));
}

TEST(Csv, KeepsOnlyTheColumnsAskedFor) {
  const std::string text = "a,b,c\n1,x,3\n";
  const CsvTable some = parse_csv(text, "t", {.include = {"c", "a"}});
  ASSERT_EQ(2U, some.columns.size());
  EXPECT_EQ("a", some.columns[0].name);
  EXPECT_EQ(nullptr, parse_csv(text, "t", {.exclude = {"b"}}).find_column("b"));
  EXPECT_THAT(parse_csv(text, "t", {.categorical = {"a"}}).get_column("a").categories, ElementsAre("1"));
  EXPECT_THAT(message_of(text, {.include = {"bb"}}),
              HasSubstr("t.csv:1: there is no column 'bb'; did you mean 'b'?"));
  EXPECT_THAT(message_of(text, {.exclude = {"z"}}), HasSubstr("there is no column 'z'"));
  EXPECT_EQ(1U, parse_csv(text, "t", {.include = {"a", "z"}, .allow_absent = true}).columns.size());
}

TEST(Csv, SaysWhereAndWhatIsWrong) {
  EXPECT_THAT(message_of("a,b\n1,2\n\n3\n"),
              HasSubstr("t.csv:4: column 'b': the row has 1 fields; expected 2"));
  EXPECT_THAT(message_of("a,b\n1,2\n3,4,5\n"), HasSubstr("t.csv:3: the row has 3 fields; expected 2"));
  EXPECT_THAT(message_of("a,b\n1,\"x\ny\"\n1,u\n,z\nabc,q\n"),
              HasSubstr("t.csv:6: column 'a': \"abc\" is not a number"));
  EXPECT_THAT(message_of("a\n1\n2\n3x\n"), HasSubstr("t.csv:4: column 'a': \"3x\" is not a number"));
  EXPECT_THAT(message_of("a\n1e999\n2\n"), HasSubstr("t.csv:2: column 'a': \"1e999\" is beyond the range"));
  EXPECT_THAT(message_of("a\nx1\n2\n3\n"),
              HasSubstr("t.csv:2: column 'a': \"x1\" is not a number, while 2 values"));
  EXPECT_THAT(message_of("a\nx1\nx2\n3\n"),
              HasSubstr("t.csv:4: column 'a': \"3\" is a number, while 2 values of the column are text"));
  EXPECT_THAT(message_of("a,a\n1,2\n"), HasSubstr("t.csv:1: column 'a': two columns have this name"));
  EXPECT_THAT(message_of(""), HasSubstr("t.csv: is empty"));
  EXPECT_THAT(message_of("a,b\n"), HasSubstr("no rows"));
  EXPECT_THAT(message_of("a\n1\n\"2\n3\n"), HasSubstr("t.csv:3: a broken quotation"));
  EXPECT_THAT(message_of("a\n1\n\"2\"3\n"), HasSubstr("t.csv:3: a broken quotation"));
  EXPECT_THAT(message_of("a\n1\n2\"3\n"), HasSubstr("t.csv:3: a broken quotation"));
}

TEST(Csv, AFileReadInBlocksIsTheSameAsOneInMemory) {
  const TemporaryFolder folder;
  Rng rng({.seed = 11, .purpose = "test"});
  std::string text = "id,word,real\n";
  for (int i = 0; i < 60000; ++i)
    text += std::to_string(i) + ",\"w " + std::to_string(rng.below(500)) + "\n\"," +
            std::to_string(rng.uniform()) + "\n";
  ASSERT_GT(text.size(), std::size_t{1} << 20U);
  write_file(folder.path() / "big.csv", text);
  const CsvTable read = read_csv(folder.path() / "big.csv");
  const CsvTable parsed = parse_csv(text, "t");
  ASSERT_EQ(60000, read.rows());
  EXPECT_EQ(parsed.lines, read.lines);
  EXPECT_EQ(parsed.get_column("real").numbers, read.get_column("real").numbers);
  EXPECT_EQ(parsed.get_column("word").codes, read.get_column("word").codes);
  EXPECT_EQ(500U, read.get_column("word").categories.size());
  EXPECT_EQ(2 + 2 * 59999, read.lines.back());
}

TEST(Csv, AMissingFileIsNotFoundAndAFolderIsNotRead) {
  const TemporaryFolder folder;
  const auto code = [](const std::filesystem::path& path) {
    try {
      static_cast<void>(read_csv(path));
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(ErrorCode::kNotFound, code(folder.path() / "absent.csv"));
  EXPECT_EQ(ErrorCode::kIo, code(folder.path()));
}

}  // namespace
}  // namespace ivory
