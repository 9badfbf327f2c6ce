import Foundation
import Learning
import StageKit
import Synchronization
import Testing

/// Images `[1, 8, 8]` of noise whose brighter half, left or right, is their label.
struct BrightHalves: BatchSource {
  var seed = 3
  var size = 6
  /// Changes a batch before it is given out.
  var change: @Sendable (Int, inout Batch<[Int]>) throws -> Void = { _, _ in }

  func batch(at step: Int) throws -> Batch<[Int]> {
    var random = CounterRandom(seed: seed, kind: "test", item: "\(step)", purpose: "batch")
    let labels = (0..<size).map { _ in Int(random.next() % 2) }
    let values = labels.flatMap { label in
      (0..<64).map { Float(random.uniform() + ($0 % 8 / 4 == label ? 0.3 : 0)) }
    }
    var batch = Batch(values, targets: labels)
    try change(step, &batch)
    return batch
  }
}

/// A network with everything that a checkpoint must keep: batch norm, dropout and momentum.
struct TinyTraining {
  var source = BrightHalves()
  var threads = 2
  var width = 5
  var seed = 0
  var rate = 0.1
  var clipped: Double?
  var extraLayer: () throws -> any Layer = { Chain([]) }
  /// Changes the gradient of the loss.
  var change: (inout [Float]) -> Void = { _ in }
  var prepare: (Training) throws -> Void = { _ in }
  var options = Trainer<BrightHalves>.Options(steps: 24, stepsPerEpoch: 5)

  func run() throws -> TrainingEnd { try run { _ in } }

  func run(
    shouldStop: () -> Bool = { false }, report: (TrainingEvent) throws -> Void
  ) throws -> TrainingEnd {
    let initializer = Initializer(seed: seed)
    let backend = try OneDNNBackend(threads: threads)
    let window = Window([3, 3], padding: [1, 1])
    let layers: [any Layer] = [
      try Convolution("conv1", 1, width, window, bias: true, initializer: initializer),
      try BatchNorm("norm1", width, rectified: true),
      try Convolution("conv2", width, 6, window, initializer: initializer),
      try BatchNorm("norm2", 6, rectified: true),
      Pooling("pool", .average, Window([4, 4], stride: [4, 4])),
      try Convolution("conv3", 6, 6, Window([2, 2]), initializer: initializer),
      try Dropout("dropout", rate: 0.2, seed: seed),
    ]
    let head = try Linear("fc", 6, 2, initializer: initializer)
    let training = try Training(
      backbone: Chain(layers + [extraLayer()]), heads: [head], shape: [source.size, 1, 8, 8],
      type: .float32, on: backend)
    try prepare(training)
    let trainer = try Trainer(
      training, on: source,
      by: GradientDescent(
        training.layers.flatMap(\.parameters),
        .init(momentum: 0.9, decay: 1e-3, maximumNorm: clipped), on: backend),
      schedule: Schedule(rate: rate, course: .cosine(total: 24, floor: 0), warmUp: 3),
      options: options
    ) { outputs, labels in
      var loss = try crossEntropy(outputs[0], classes: 2, labels: labels)
      change(&loss.gradient)
      return Verdict(
        loss, metrics: ["accuracy": try accuracy(outputs[0], classes: 2, labels: labels)])
    }
    return try trainer.run(shouldStop: shouldStop, report: report)
  }
}

/// What an error says; `nil` where there is none.
func message(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch { return "\(error)" }
}
