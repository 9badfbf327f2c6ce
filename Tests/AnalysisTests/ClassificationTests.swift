import Foundation
import TestKit
import Testing

@testable import Analysis

/// What scikit-learn says: `Tests/Goldens/analysis/make_classification.py`.
private struct ClassificationGoldens: Decodable {
  struct ScoreCase: Decodable {
    var classes: Int
    var truth: [Int]
    var predicted: [Int]
    var counts: [[Int]]
    var precision: [Double]
    var recall: [Double]
    var f1: [Double]
    var support: [Int]
    var macro: [Double]
    var accuracy: Double
  }

  struct Regression: Decodable {
    var classes: Int
    var strength: Double
    var balanced: Bool
    var labels: [Int]
    var points: [[Float]]
    var weights: [[Double]]
    var others: [[Float]]
    var probabilities: [[Double]]
  }

  struct Vote: Decodable {
    var voters: Int
    var points: [[Float]]
    var labels: [Int]
    var queries: [[Float]]
    var answers: [Int]
  }

  var scores: [ScoreCase]
  var regressions: [Regression]
  var votes: [Vote]

  static func read(from file: String = #filePath) throws -> ClassificationGoldens {
    let tests = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
    return try JSONDecoder().decode(
      ClassificationGoldens.self,
      from: Data(contentsOf: tests.appending(path: "Goldens/analysis/classification.json")))
  }
}

@Suite("classes") struct ClassificationTests {
  @Test("precision, recall and F1 are scikit-learn's, of each class and their macro means")
  func scores() throws {
    for golden in try ClassificationGoldens.read().scores {
      let found = Classification(
        truth: golden.truth, predictions: golden.predicted, classes: golden.classes)
      #expect(found.counts == golden.counts)
      #expect(found.classes.map(\.support) == golden.support)
      for (name, own, expected) in [
        ("precision", found.classes.map(\.precision), golden.precision),
        ("recall", found.classes.map(\.recall), golden.recall),
        ("f1", found.classes.map(\.f1), golden.f1),
      ] {
        for (a, b) in zip(own, expected) { #expect(abs(a - b) < 1e-12, "\(name)") }
      }
      let macro = [found.macro(\.precision), found.macro(\.recall), found.macro(\.f1)]
      for (own, expected) in zip(macro, golden.macro) {
        #expect(abs(try #require(own) - expected) < 1e-12)
      }
      #expect(abs(try #require(found.accuracy) - golden.accuracy) < 1e-12)
    }
  }

  @Test("by hand: three of class a, one of them called b; one b called a")
  func byHand() throws {
    let found = Classification(counts: [[2, 1, 0], [1, 0, 0], [0, 0, 0]])
    #expect(found.seen == [0, 1])
    #expect(found.classes[0].precision == 2.0 / 3)
    #expect(found.classes[0].recall == 2.0 / 3)
    #expect(found.macro(\.f1) == 1.0 / 3)
    #expect(found.accuracy == 0.5)
    #expect(Classification(counts: [[0, 0], [0, 0]]).macro(\.f1) == nil)
    #expect(Classification(counts: []).accuracy == nil)
  }

  @Test("logistic regression has scikit-learn's weights and probabilities")
  func regression() throws {
    for golden in try ClassificationGoldens.read().regressions {
      let found = try LogisticRegression(
        fitting: Matrix(golden.points), labels: golden.labels, classes: golden.classes,
        strength: golden.strength, isBalanced: golden.balanced)
      #expect(found.converged)
      for (own, expected) in zip(found.weights.elements, golden.weights.joined()) {
        #expect(abs(own - expected) < 2e-5 * max(1, abs(expected)))
      }
      let probabilities = found.probabilities(Matrix(golden.others))
      for (own, expected) in zip(probabilities.elements, golden.probabilities.joined()) {
        #expect(abs(own - expected) < 1e-5)
      }
    }
  }

  @Test("a regression on one class, on none and on NaN")
  func regressionEdges() throws {
    let points = Matrix<Float>([[1, 2], [3, 4]])
    let one = try LogisticRegression(fitting: points, labels: [1, 1], classes: 2)
    #expect(one.probabilities(points)[0, 1] > 0.99)
    #expect(throws: AnalysisError.self) {
      try LogisticRegression(fitting: Matrix<Float>(rows: 0, columns: 2), labels: [], classes: 2)
    }
    #expect(throws: AnalysisError.self) {
      try LogisticRegression(fitting: Matrix<Float>([[.nan]]), labels: [0], classes: 2)
    }
  }

  @Test("neighbours vote as scikit-learn's nearest do, on any number of threads")
  func votes() throws {
    for golden in try ClassificationGoldens.read().votes {
      let vote = try NeighbourVote(
        Matrix(golden.points), labels: golden.labels, voters: golden.voters)
      for threads in [1, 3] {
        let found = try vote.classify(Matrix(golden.queries), threads: threads)
        #expect(found.map(\.label) == golden.answers)
        #expect(found.allSatisfy { (0...1).contains($0.share) && $0.share > 0 })
      }
    }
  }

  @Test("standardised columns have mean 0 and variance 1; a constant one is 0")
  func standardisation() throws {
    let rows = Matrix<Float>([[1, 5, 1e6], [2, 5, 1e6 + 1], [6, 5, 1e6 + 2]])
    let scaled = try Standardisation(of: rows)(rows)
    for column in 0..<3 {
      let values = (0..<3).map { Double(scaled[$0, column]) }
      #expect(abs(values.reduce(0, +)) < 1e-5)
      let variance = values.reduce(0) { $0 + $1 * $1 } / 3
      #expect(abs(variance - (column == 1 ? 0 : 1)) < 1e-5)
    }
    // Of other rows: (x - 3) / sd.
    #expect(try Standardisation(of: rows)(Matrix([[3, 7, 1e6]]))[0, 1] == 2)
  }
}
