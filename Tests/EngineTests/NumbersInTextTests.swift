import Foundation
import Testing

@testable import Engine

@Suite("Numbers in texts")
struct NumbersInTextTests {
  private func difference(
    _ old: String, _ new: String, _ tolerance: Double = 1e-6
  ) -> OutputComparison.Difference? {
    NumbersInText.difference(of: Data(old.utf8), and: Data(new.utf8), tolerance: tolerance)
  }

  @Test("numbers may differ, relative to their size and absolute below 1")
  func within() {
    #expect(difference("a,1024\n", "a,1024.5\n", 1e-3) == .within(0.5 / 1024))
    #expect(difference("a,1000\n", "a,1000.005\n") == .different("line 1: 1000.005, was 1000"))
    #expect(difference("x 1e-9", "x -1E-9", 1e-6) == .within(2e-9))
    #expect(difference("{\"f\": -2.5e+3}", "{\"f\": -2500.5}", 1e-3) == .within(0.5 / 2500))
    #expect(difference("same", "same") == .within(0))
  }

  @Test(
    "all else must be the same",
    arguments: [
      ("a\nb 1", "a\nc 1", "line 2: c where b was"), ("a1", "a2", "line 1: a2 where a1 was"),
      ("1,2", "1;2", "line 1: ; where , was"),
      ("1\n2", "1\n2\n3", "line 2: one ends before the other"),
      ("1", "nan", "line 1: nan, was 1"), ("v-1", "v-2", "line 1: 2, was 1"),
    ])
  func different(_ old: String, _ new: String, _ message: String) {
    #expect(difference(old, new) == .different(message))
  }

  @Test("what is no text has no numbers")
  func binary() {
    #expect(
      NumbersInText.difference(of: Data([0xff, 0xfe]), and: Data([0xff]), tolerance: 1) == nil)
  }
}
