import Foundation
import Learning
import TestKit
import Testing

extension LearningTests {
  @Suite("losses of embeddings") struct EmbeddingLossTests {
    struct Golden: Decodable {
      var x: [Float]
      var width: Int
      var identities: [Int]
      var settings: [Double]
      var loss: Double
      var gradient: [Float]
    }

    private func golden(_ name: String) throws -> Golden {
      let data = try Data(contentsOf: Goldens.folder().appending(path: "head_losses.json"))
      return try #require(try JSONDecoder().decode([String: Golden].self, from: data)[name])
    }

    private func check(_ loss: Loss, _ golden: Golden) {
      #expect(isClose(loss.value, golden.loss, relative: 1e-6, absolute: 1e-9))
      expectClose(loss.gradient, golden.gradient, "gradient", tolerance: 1e-6)
    }

    @Test(
      "contrastive loss beside PyTorch: pairs, several of each and some alone, all of one",
      arguments: ["pairs", "several", "one"])
    func contrastives(name: String) throws {
      let golden = try golden("contrastive_\(name)")
      check(
        try contrastive(
          golden.x, width: golden.width, identities: golden.identities,
          temperature: golden.settings[0]), golden)
    }

    @Test("VICReg beside PyTorch, with the paper's weights and others", arguments: ["", "_wide"])
    func vicreg(name: String) throws {
      let golden = try golden("vicreg\(name)")
      let other = golden.settings
      let weights =
        other.isEmpty
        ? VICRegWeights()
        : VICRegWeights(invariance: other[0], variance: other[1], covariance: other[2])
      check(
        try varianceInvarianceCovariance(
          golden.x, width: golden.width, identities: golden.identities, weights: weights), golden)
    }

    @Test("VICReg of four rows in closed form")
    func closedForm() throws {
      let x: [Float] = [1, 0, 1, 1, -1, 0, -1, 1]
      let loss = try varianceInvarianceCovariance(x, width: 2, identities: [0, 0, 1, 1])
      // In each branch the first column has the variance 2, the second one 0; all covariances are 0.
      #expect(isClose(loss.value, 25 * 0.5 + 25 * (1 - 0.01) / 2, relative: 1e-12))
    }

    @Test("the order of rows and the names of identities do not matter")
    func symmetry() throws {
      let golden = try golden("contrastive_several")
      let width = golden.width
      let turned = golden.identities.indices.reversed().map { golden.identities[$0] * 100 - 7 }
      let x = golden.identities.indices.reversed().flatMap {
        golden.x[$0 * width..<($0 + 1) * width]
      }
      let loss = try contrastive(
        x, width: width, identities: turned, temperature: golden.settings[0])
      #expect(isClose(loss.value, golden.loss, relative: 1e-6))
    }

    @Test("without a positive the loss and its gradient are 0")
    func noPositives() throws {
      let loss = try contrastive(
        testPattern(6), width: 2, identities: [1, 2, 3], temperature: 0.1)
      #expect(loss.value == 0)
      #expect(loss.gradient == [Float](repeating: 0, count: 6))
    }

    @Test("equal rows and rows of zeros give finite losses")
    func degenerate() throws {
      let same = [Float](repeating: 1, count: 12)
      let zeros = [Float](repeating: 0, count: 12)
      for x in [same, zeros] {
        for identities in [[0, 0, 1, 1], [0, 1, 0, 1]] {
          for loss in [
            try contrastive(x, width: 3, identities: identities, temperature: 0.05),
            try varianceInvarianceCovariance(x, width: 3, identities: identities),
          ] {
            #expect(loss.value.isFinite && loss.gradient.allSatisfy(\.isFinite))
          }
        }
      }
    }

    @Test("embeddings, identities and settings that make no sense are refused")
    func refusals() {
      func contrast(_ count: Int, _ identities: [Int], _ temperature: Double = 0.5) -> String? {
        message {
          _ = try contrastive(
            testPattern(count), width: 2, identities: identities, temperature: temperature)
        }
      }
      #expect(
        contrast(5, [0, 0, 1])
          == "contrastive loss of 5 values in rows of 2, 3 identities, temperature 0.5; expected at"
          + " least 2 rows, an identity for each, and a temperature above 0")
      #expect(contrast(2, [0]) != nil)
      #expect(contrast(8, [0, 0, 1, 1], 0) != nil)
      #expect(contrast(8, [0, 0, 1, 1], .nan) != nil)
      #expect(contrast(8, [0, 0, 1, 1]) == nil)
      func vicreg(_ count: Int, _ identities: [Int], _ weights: VICRegWeights = .init()) -> String?
      {
        message {
          _ = try varianceInvarianceCovariance(
            testPattern(count), width: 2, identities: identities, weights: weights)
        }
      }
      #expect(
        vicreg(12, [0, 0, 1, 1, 4, 1]) == "VICReg: identity 1 has 3 rows; expected two of each")
      #expect(
        vicreg(4, [0, 0])
          == "VICReg of 4 values in rows of 2, 2 identities, weights 25.0, 25.0 and 1.0; expected"
          + " at least 4 rows, an identity for each, and weights of at least 0")
      #expect(vicreg(9, [0, 0, 1, 1]) != nil)
      #expect(vicreg(8, [0, 0, 1, 1], .init(variance: -1)) != nil)
      #expect(vicreg(8, [0, 0, 1, 1]) == nil)
    }
  }
}
