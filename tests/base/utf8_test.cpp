#include <gtest/gtest.h>

#include <ivory/base/utf8.h>

namespace ivory {
namespace {

TEST(Utf8, DecodesEveryLength) {
  EXPECT_EQ(U'a', decode_utf8("ab").value);
  EXPECT_EQ(U'é', decode_utf8("é").value);
  EXPECT_EQ(U'日', decode_utf8("日本").value);
  EXPECT_EQ(U'🙂', decode_utf8("🙂").value);
  EXPECT_EQ(4U, decode_utf8("🙂").bytes);
  EXPECT_EQ(std::string_view::npos, find_invalid_utf8("aé日🙂\U0010FFFF"));
}

TEST(Utf8, RefusesWhatIsNoCharacter) {
  for (const auto* text : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE6\x97", "\xC3("}) {
    EXPECT_FALSE(decode_utf8(text).valid);
    EXPECT_EQ(1U, decode_utf8(text).bytes);
    EXPECT_EQ(2U, find_invalid_utf8("é" + std::string(text)));
  }
}

}  // namespace
}  // namespace ivory
