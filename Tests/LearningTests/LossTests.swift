import Foundation
import Learning
import TestKit
import Testing

extension LearningTests {
  @Suite("losses beside PyTorch") struct LossTests {
    struct Golden: Decodable {
      var x: [Float]
      var loss: Double
      var gradient: [Float]
      var labels: [Int]?
      var weights: [Float]?
      var smoothing: Double?
      var target: [Float]?
      var temperature: Double?
    }

    private func golden(_ name: String) throws -> Golden {
      let data = try Data(contentsOf: Goldens.folder().appending(path: "losses.json"))
      let all = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      let one = try JSONSerialization.data(withJSONObject: try #require(all[name]))
      return try JSONDecoder().decode(Golden.self, from: one)
    }

    private func check(_ loss: Loss, _ golden: Golden) {
      #expect(isClose(loss.value, golden.loss, relative: 1e-6))
      expectClose(loss.gradient, golden.gradient, "gradient", tolerance: 1e-6)
    }

    @Test(
      "cross-entropy with weights and smoothing",
      arguments: ["plain", "weighted", "smoothed", "both"])
    func crossEntropies(name: String) throws {
      let golden = try golden("cross_entropy_\(name)")
      check(
        try crossEntropy(
          golden.x, classes: 4, labels: try #require(golden.labels), weights: golden.weights,
          smoothing: try #require(golden.smoothing)), golden)
    }

    @Test("divergence of maps")
    func divergence() throws {
      let golden = try golden("divergence")
      check(
        try mapDivergence(golden.x, targets: try #require(golden.target), cells: 12), golden)
    }

    @Test("mean squared error")
    func squares() throws {
      let golden = try golden("squares")
      check(try meanSquaredError(golden.x, targets: try #require(golden.target)), golden)
    }

    @Test("contrastive loss of pairs is NT-Xent")
    func contrastives() throws {
      let golden = try golden("contrastive")
      check(
        try contrastive(
          golden.x, width: 5, identities: [0, 1, 2, 0, 1, 2],
          temperature: try #require(golden.temperature)), golden)
    }

    @Test("labels, weights and maps that make no sense are refused")
    func refusals() {
      #expect(throws: LearningError.self) {
        try crossEntropy([1, 2], classes: 2, labels: [2])
      }
      #expect(throws: LearningError.self) {
        try crossEntropy([1, 2], classes: 2, labels: [1], weights: [1, 0])
      }
      #expect(throws: LearningError.self) {
        try crossEntropy([1, 2, 3], classes: 2, labels: [1])
      }
      #expect(throws: LearningError.self) {
        try mapDivergence([1, 2], targets: [0.5, 0.6], cells: 2)
      }
    }

    @Test("accuracy counts the first of the largest logits")
    func accuracies() throws {
      let logits: [Float] = [1, 3, 2, 0, 0, 0, -1, -3, -2]
      #expect(try accuracy(logits, classes: 3, labels: [1, 0, 0]) == 1)
      #expect(try accuracy(logits, classes: 3, labels: [1, 1, 0]) == 2.0 / 3)
      #expect(try accuracy(logits, classes: 3, labels: [0, 2, 7]) == 0)
      #expect(
        message { _ = try accuracy(logits, classes: 3, labels: [1]) }
          == "accuracy of 9 logits, 3 classes, 1 labels; expected a row of logits for each label")
      #expect(throws: LearningError.self) { try accuracy([], classes: 3, labels: []) }
    }
  }

  @Suite("schedules") struct ScheduleTests {
    @Test("warm-up, steps and cosine give the published values")
    func rates() throws {
      let steps = try Schedule(rate: 0.1, course: .steps(at: [6, 8], factor: 0.1), warmUp: 2)
      let expected = [0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
      for (step, rate) in expected.enumerated() {
        #expect(isClose(steps.rate(at: step), rate, relative: 1e-12))
      }
      let cosine = try Schedule(rate: 1, course: .cosine(total: 8, floor: 0.2))
      #expect(cosine.rate(at: 0) == 1)
      #expect(isClose(cosine.rate(at: 4), 0.6))
      #expect(isClose(cosine.rate(at: 2), 0.2 + 0.8 * (1 + 0.5.squareRoot()) / 2))
      #expect(isClose(cosine.rate(at: 8), 0.2))
      #expect(isClose(cosine.rate(at: 100), 0.2))
    }

    @Test("impossible schedules are refused")
    func refusals() {
      #expect(throws: LearningError.self) { try Schedule(rate: 0) }
      #expect(throws: LearningError.self) {
        try Schedule(rate: 1, course: .steps(at: [5, 2], factor: 0.1))
      }
      #expect(throws: LearningError.self) {
        try Schedule(rate: 1, course: .cosine(total: 3, floor: 0), warmUp: 3)
      }
    }
  }
}
