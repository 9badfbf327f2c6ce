import Testing

@testable import Stages

@Suite("Path patterns")
struct PathPatternTests {
  @Test(
    "stars stay within a folder, two of them span any number",
    arguments: [
      ("**/*.mp4", "a.mp4", true), ("**/*.mp4", "a/b/c.mp4", true), ("**/*.mp4", "a/b.avi", false),
      ("*.mp4", "a/b.mp4", false), ("a/*/c.mp4", "a/b/c.mp4", true),
      ("a/*/c.mp4", "a/b/b/c.mp4", false), ("a/**/c.mp4", "a/c.mp4", true),
      ("a/**/c.mp4", "a/b/b/c.mp4", true), ("a/**/c.mp4", "b/c.mp4", false),
      ("**/b/**/*.mp4", "a/b/c/d.mp4", true), ("**/b/**/*.mp4", "b/d.mp4", true),
      ("**/b/**/*.mp4", "a/c/d.mp4", false), ("a/**", "a/b/c", true), ("**", "a/b", true),
      ("**/x?.mp4", "a/x1.mp4", true), ("**/x?.mp4", "a/x12.mp4", false),
    ])
  func matching(_ pattern: String, _ path: String, _ matches: Bool) {
    #expect(PathPattern(pattern).matches(path) == matches)
  }
}
