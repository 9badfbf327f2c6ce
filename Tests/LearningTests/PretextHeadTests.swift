import Foundation
import Learning
import StageKit
import TestKit
import Testing

extension LearningTests {
  @Suite("heads of pretext tasks") struct PretextHeadTests {
    static let heads: [(name: String, make: @Sendable () throws -> any Layer)] = {
      let initializer = Initializer(seed: 1)
      return [
        (
          "lee",
          {
            try PairwiseHead(
              "lee", features: 6, pieces: 4, classes: 12, pieceWidth: 10, pairWidth: 7, dropout: 0,
              initializer: initializer)
          }
        ),
        (
          "xu",
          {
            try PairwiseHead(
              "xu", features: 6, pieces: 3, classes: 6, pairWidth: 16, dropout: 0,
              initializer: initializer)
          }
        ),
        (
          "simclr",
          {
            try ProjectionHead(
              "simclr", features: 8, hidden: [8], output: 5, initializer: initializer)
          }
        ),
        (
          "vicreg",
          {
            try ProjectionHead(
              "vicreg", features: 8, hidden: [16, 12], output: 6, normalizes: true,
              initializer: initializer)
          }
        ),
      ]
    }()

    private func make(_ name: String) throws -> any Layer {
      try #require(PretextHeadTests.heads.first { $0.name == name }).make()
    }

    @Test(
      "results, all gradients and running statistics beside PyTorch", arguments: heads.map(\.name))
    func training(name: String) throws {
      try check(make(name), name, tolerance: 1e-4, type: .float32)
    }

    @Test(
      "bfloat16 stays close to float32's results", .enabled(if: hasBFloat16),
      arguments: heads.map(\.name))
    func bfloat16(name: String) throws {
      try check(make(name), name, tolerance: 0.04, type: .bfloat16)
    }

    private func check(
      _ head: any Layer, _ name: String, tolerance: Double, type: ElementType
    ) throws {
      let goldens = try Goldens("heads.safetensors")
      for parameter in head.parameters { try parameter.set(goldens.values(parameter.name)) }
      let run = try Run(
        head, goldens.shape("\(name).x"), type: type, on: OneDNNBackend(threads: 2))
      #expect(run.program.shape(of: run.output) == (try goldens.shape("\(name).y")))
      let y = try run.forward(goldens.values("\(name).x"))
      expectClose(y, try goldens.values("\(name).y"), "y", tolerance: tolerance)
      let dx = try run.backward(goldens.values("\(name).dy"))
      expectClose(dx, try goldens.values("\(name).dx"), "dx", tolerance: tolerance)
      for parameter in head.parameters {
        guard parameter.isLearnt else {
          expectClose(
            try parameter.values(), try goldens.values("\(parameter.name).after"), parameter.name,
            tolerance: tolerance)
          continue
        }
        let gradient = try #require(try parameter.gradient())
        let expected = try goldens.values("\(parameter.name).grad")
        if expected.allSatisfy({ abs($0) < 1e-9 }) {
          // A bias before batch norm: its gradient is 0 but for rounding, by that of the weights.
          let weights = try goldens.values(
            parameter.name.replacingOccurrences(of: "bias", with: "weight") + ".grad")
          #expect(length(gradient) <= tolerance * length(weights), "\(parameter.name).grad")
        } else {
          expectClose(gradient, expected, "\(parameter.name).grad", tolerance: tolerance)
        }
      }
    }

    private func length(_ values: [Float]) -> Double {
      values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    @Test("a projection with running statistics beside PyTorch")
    func inference() throws {
      let goldens = try Goldens("heads.safetensors")
      let name = "vicreg_inference"
      let head = try ProjectionHead(
        name, features: 8, hidden: [16, 12], output: 6, normalizes: true,
        initializer: Initializer(seed: 1))
      for parameter in head.parameters { try parameter.set(goldens.values(parameter.name)) }
      let run = try Run(
        head, goldens.shape("\(name).x"), mode: .inference, on: OneDNNBackend(threads: 2))
      expectClose(
        try run.forward(goldens.values("\(name).x")), try goldens.values("\(name).y"), "y")
    }

    @Test("parameters are named as PyTorch would name them")
    func names() throws {
      let initializer = Initializer(seed: 1)
      let pairwise = try PairwiseHead(
        features: 6, pieces: 4, classes: 12, pieceWidth: 1024, initializer: initializer)
      #expect(
        pairwise.parameters.map(\.name) == [
          "order.piece.weight", "order.piece.bias", "order.pair.weight", "order.pair.bias",
          "order.classes.weight", "order.classes.bias",
        ])
      // As Lee et al.: fc6, and 6 pairs of fc7.
      #expect(
        pairwise.parameters.map(\.shape) == [
          [1024, 6], [1024], [512, 2048], [512], [12, 3072], [12],
        ])
      let projection = try ProjectionHead(
        features: 8, hidden: [8], normalizes: true, initializer: initializer)
      #expect(
        projection.parameters.map(\.name) == [
          "projection.0.weight", "projection.0.bias", "projection.1.weight", "projection.1.bias",
          "projection.1.running_mean", "projection.1.running_var", "projection.3.weight",
          "projection.3.bias",
        ])
      #expect(projection.counters.map(\.name) == ["projection.1.num_batches_tracked"])
      let plain = try ProjectionHead(features: 8, hidden: [8], initializer: initializer)
      #expect(plain.parameters.last?.name == "projection.2.bias")
    }

    @Test("a linear layer starts as PyTorch's, or normally distributed with a bias of 0")
    func linear() throws {
      let initializer = Initializer(seed: 5)
      let plain = try Linear("fc", 100, 50, initializer: initializer)
      for parameter in plain.parameters {
        let values = try parameter.values()
        #expect(values.allSatisfy { abs($0) <= 0.1 } && values.contains { abs($0) > 0.09 })
      }
      let normal = try Linear("fc", 100, 50, deviation: 0.01, initializer: initializer)
      let weights = try normal.weight.values()
      // Within five standard deviations of the estimate.
      #expect(abs(length(weights) / 5000.0.squareRoot() - 0.01) < 5 * 0.01 / 10000.0.squareRoot())
      let mean = weights.reduce(0.0) { $0 + Double($1) } / 5000
      #expect(abs(mean) < 5 * 0.01 / 5000.0.squareRoot())
      #expect(try normal.bias.values() == [Float](repeating: 0, count: 50))
    }

    /// Classes that are the pairs' features themselves show what dropout did to each.
    @Test("dropout meets the features of pairs, in training alone")
    func dropout() throws {
      let head = try PairwiseHead(
        features: 5, pieces: 3, classes: 24, pairWidth: 8, dropout: 0.5,
        initializer: Initializer(seed: 3))
      for parameter in head.parameters where parameter.name.hasPrefix("order.classes") {
        try parameter.set(
          (0..<parameter.count).map {
            parameter.shape.count == 2 && $0 / 24 == $0 % 24 ? 1 : 0
          })
      }
      let backend = try OneDNNBackend(threads: 2)
      let training = try Run(head, [60, 5], on: backend)
      let x = testPattern(300)
      let kept = try Run(head, [60, 5], mode: .inference, on: backend).forward(x)
      let dropped = try training.forward(x, step: 2)
      #expect(
        zip(kept, dropped).allSatisfy {
          $1 == 0 || isClose(Double($1), 2 * Double($0), relative: 1e-5)
        })
      let live = zip(kept, dropped).filter { $0.0 > 0 }
      #expect(live.count > 100)
      let share = Double(live.count { $0.1 == 0 }) / Double(live.count)
      // Five standard deviations of a binomial distribution.
      #expect(abs(share - 0.5) < 5 * (0.25 / Double(live.count)).squareRoot())
      #expect(try training.forward(x, step: 3) != dropped)
    }

    @Test("order and projection share a backbone, and order is learnt")
    func together() throws {
      let initializer = Initializer(seed: 2)
      let backend = try OneDNNBackend(threads: 1)
      let backbone = Chain([
        try Convolution("conv", 1, 8, Window([3, 3]), bias: true, initializer: initializer),
        ReLU(), Pooling("pool", .average, nil),
      ])
      let training = try Training(
        backbone: backbone,
        heads: [
          try PairwiseHead(
            features: 8, pieces: 3, classes: 6, pairWidth: 32, initializer: initializer),
          try ProjectionHead(
            features: 8, hidden: [8], output: 4, normalizes: true, initializer: initializer),
        ], shape: [24, 1, 5, 5], type: .float32, on: backend)
      #expect(training.outputShapes == [[8, 6], [24, 4]])
      let descent = try GradientDescent(
        training.layers.flatMap(\.parameters), .init(momentum: 0.9), on: backend)
      let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
      var accuracies: [Double] = []
      for step in 0..<200 {
        var random = CounterRandom(seed: 0, kind: "test", item: "\(step)", purpose: "order")
        let labels = (0..<8).map { _ in Int(random.next() % 6) }
        // Pieces differ by how bright they are.
        let batch = labels.flatMap { label in
          orders[label].flatMap { piece in
            (0..<25).map { _ in Float(Double(piece) - 1 + 0.1 * random.normal()) }
          }
        }
        _ = try training.compute(batch, step: step) { results in
          accuracies.append(try accuracy(results[0], classes: 6, labels: labels))
          return [
            try crossEntropy(results[0], classes: 6, labels: labels),
            try contrastive(
              results[1], width: 4, identities: labels.flatMap { orders[$0] }, temperature: 0.5),
          ]
        }
        try descent.step(rate: 0.02)
      }
      let (first, last) = (
        accuracies[..<20].reduce(0, +) / 20, accuracies[180...].reduce(0, +) / 20
      )
      #expect(first < 0.6, "\(first)")
      #expect(last > 0.9, "\(last)")
    }

    @Test("impossible settings and shapes are refused with what was expected")
    func refusals() throws {
      let initializer = Initializer(seed: 0)
      let backend = try OneDNNBackend(threads: 1)
      func head(_ pieces: Int, dropout: Float = 0.5) throws -> PairwiseHead {
        try PairwiseHead(
          features: 4, pieces: pieces, classes: 6, dropout: dropout, initializer: initializer)
      }
      #expect(
        message { _ = try Run(head(3), [4, 4], on: backend) }
          == "order.pairs: expected [n · 3, d], the 3 rows of a sample one after the other, got"
          + " [4, 4]")
      #expect(
        message { _ = try Run(head(3), [3, 4, 2, 2], on: backend) }
          == "order.pairs: expected [n · 3, d], the 3 rows of a sample one after the other, got"
          + " [3, 4, 2, 2]")
      #expect(
        message { _ = try Run(head(3), [3, 5], on: backend) }
          == "order.pair: expected [n, 8], got [3, 10]")
      #expect(message { _ = try head(1) } == "pairs of 1 rows; expected at least 2")
      #expect(
        message { _ = try head(3, dropout: 1) }
          == "order.dropout: rate is 1.0; expected 0 to below 1")
      #expect(
        message {
          _ = try ProjectionHead(features: 4, hidden: [0], initializer: initializer)
        } == "projection.0: 4 to 0; expected at least 1")
      #expect(
        message {
          let head = try ProjectionHead(
            features: 4, hidden: [4], normalizes: true, initializer: initializer)
          _ = try Run(head, [1, 4], on: backend)
        } == "projection.1: one value a channel has no variance; use a batch of at least 2")
    }
  }
}
