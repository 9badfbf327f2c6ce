import StageKit
import TestKit
import Testing

@Suite("Counter-based random numbers")
struct CounterRandomTests {
  @Test("Philox4x32-10 gives the known answers of the Random123 library")
  func knownAnswers() {
    #expect(
      CounterRandom.philox(counter: SIMD4(0, 0, 0, 0), key: SIMD2(0, 0))
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      CounterRandom.philox(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      CounterRandom.philox(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: SIMD2(0xa409_3822, 0x299f_31d0))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test("seed, kind, item and purpose each give another sequence, and the same ones the same")
  func keys() {
    func first(_ seed: Int, _ kind: String, _ item: String, _ purpose: String) -> UInt64 {
      var random = CounterRandom(seed: seed, kind: kind, item: item, purpose: purpose)
      return random.next()
    }
    let reference = first(0, "a", "b", "c")
    #expect(reference == first(0, "a", "b", "c"))
    #expect(
      !([
        first(1, "a", "b", "c"), first(0, "ab", "", "c"), first(0, "a", "bc", ""),
        first(0, "a", "b", "d"),
      ].contains(reference)))
  }

  @Test("the sequence is its blocks in order")
  func blocks() {
    var random = CounterRandom(seed: 3, kind: "k", item: "i", purpose: "p")
    let block = random.block(at: 1)
    let words = (0..<4).map { _ in random.next() }
    #expect(words[2] == UInt64(block.x) | UInt64(block.y) << 32)
    #expect(words[3] == UInt64(block.z) | UInt64(block.w) << 32)
  }

  @Test("normal numbers have mean 0 and variance 1, even ones mean 1/2")
  func moments() {
    var random = CounterRandom(seed: 1, kind: "k", item: "i", purpose: "p")
    let normal = (0..<20_000).map { _ in random.normal() }
    let even = (0..<20_000).map { _ in random.uniform() }
    #expect(isClose(normal.reduce(0, +) / 20_000, 0, absolute: 0.03))
    #expect(isClose(normal.map { $0 * $0 }.reduce(0, +) / 20_000, 1, absolute: 0.05))
    #expect(isClose(even.reduce(0, +) / 20_000, 0.5, absolute: 0.01))
    #expect(even.allSatisfy { (0..<1).contains($0) })
  }
}
