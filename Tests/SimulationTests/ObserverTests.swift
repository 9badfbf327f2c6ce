import StageKit
import TestKit
import Testing

@testable import Simulation

@Suite("Gaze")
struct ObserverTests {
  private static let sights: Observer.Sights = [
    ("a", 0.1, 0.1), ("b", 0.9, 0.2), ("c", 0.5, 0.9),
  ]

  private func watch(_ count: Int, _ sights: Observer.Sights) -> [Observer.Sample] {
    var observer = Observer(
      rate: 30, height: 224, width: 288,
      random: CounterRandom(seed: 1, kind: "test", item: "", purpose: "gaze"))
    return (0..<count).map { _ in observer.look(at: sights) }
  }

  @Test(
    "structures are visited for 250 to 400 ms, missed by 12 px, two samples in a hundred are lost")
  func statistics() {
    let samples = watch(20_000, Self.sights)
    let lost = Double(samples.count { $0 == nil }) / 20_000
    #expect(abs(lost - 0.02) < 0.005)

    // Runs near one structure; a lost sample does not end them.
    var lengths: [Int] = []
    var (current, run): (String?, Int) = (nil, 0)
    var (off, known) = (0, 0)
    for case let sample? in samples {
      known += 1
      if !(0...1).contains(sample.x) || !(0...1).contains(sample.y) { off += 1 }
      let near = Self.sights.first {
        abs($0.x - sample.x) * 288 < 60 && abs($0.y - sample.y) * 224 < 60
      }
      if near?.name == current {
        run += 1
      } else {
        if current != nil { lengths.append(run) }
        (current, run) = (near?.name, 1)
      }
    }
    let visits = lengths.filter { $0 >= 5 }
    let mean = Double(visits.reduce(0, +)) / Double(visits.count)
    // 7.5 to 12 frames, and what of a saccade is near.
    #expect((8.5...12).contains(mean), "\(mean)")
    // The longest visit, with three near frames of a saccade on both sides.
    #expect(visits.max() ?? 0 <= 18)
    let misses = Self.misses(samples)
    let spread = (misses.reduce(0) { $0 + $1 * $1 } / Double(misses.count)).squareRoot()
    #expect((10.8...13.2).contains(spread), "\(spread)")
    #expect((0.005...0.05).contains(Double(off) / Double(known)))
  }

  /// Pixels by which structures are missed, in both directions, where the gaze rests.
  private static func misses(_ samples: [Observer.Sample]) -> [Double] {
    var misses: [Double] = []
    for index in 1..<samples.count - 1 {
      guard let before = samples[index - 1], let here = samples[index],
        let after = samples[index + 1],
        [before, after].allSatisfy({
          abs($0.x - here.x) * 288 < 33 && abs($0.y - here.y) * 224 < 33
        }),
        let near = sights.first(where: { abs($0.x - here.x) < 0.22 && abs($0.y - here.y) < 0.22 })
      else { continue }
      misses.append((here.x - near.x) * 288)
      misses.append((here.y - near.y) * 224)
    }
    return misses
  }

  @Test("a structure that vanishes is left at once, and nothing to see is no trouble")
  func vanishing() {
    var observer = Observer(
      rate: 30, height: 224, width: 288,
      random: CounterRandom(seed: 2, kind: "test", item: "", purpose: "gaze"))
    for _ in 0..<5 { _ = observer.look(at: [("a", 0.1, 0.1)]) }
    let after = (0..<30).map { _ in observer.look(at: [("b", 0.9, 0.9)]) }
    let near = after.dropFirst(4).compactMap { $0 }.count { abs($0.x - 0.9) < 0.2 }
    #expect(near > 15)
    #expect(watch(100, []).count { $0 != nil } > 80)
  }

  @Test("the same random numbers give the same gaze")
  func deterministic() {
    func text() -> [String] { watch(200, Self.sights).map { "\(String(describing: $0))" } }
    #expect(text() == text())
  }
}
