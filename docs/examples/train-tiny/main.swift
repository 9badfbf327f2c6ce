// Trains a tiny network with `Learning` alone: does a bar in a clip move left or right?
//
//   swift run -c release train-tiny FOLDER
//
// Keeps its checkpoint in FOLDER. Interrupted by Ctrl-C or killed, it goes on from there when it is
// started again, and ends with the same bytes.
import Foundation
import Learning
import Synchronization

/// Clips `[1, 8, 16, 16]`: a bar at a random place that moves one pixel a frame, in noise.
struct MovingBars: BatchSource {
  let seed = 7
  let size = 8

  func batch(at step: Int) -> Batch<[Int]> {
    var random = Random(state: UInt64(seed) << 32 | UInt64(step))
    let labels = (0..<size).map { _ in Int.random(in: 0...1, using: &random) }
    var values: [Float] = []
    for label in labels {
      let start = Int.random(in: 0..<16, using: &random)
      for frame in 0..<8 {
        let bar = (start + (label == 0 ? -frame : frame) + 16) % 16
        for pixel in 0..<16 * 16 {
          let noise = Float.random(in: 0..<0.5, using: &random)
          values.append(noise + (pixel % 16 == bar ? 0.5 : 0))
        }
      }
    }
    return Batch(values, targets: labels)
  }

  /// SplitMix64: what a batch holds must follow from seed and step alone.
  private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
  }
}

func say(_ line: String, to handle: FileHandle = .standardOutput) {
  handle.write(Data("\(line)\n".utf8))
}

let stopIsWanted = Atomic(false)

func train(in folder: String) throws -> TrainingEnd {
  let initializer = Initializer(seed: 0)
  let window = Window([3, 3, 3], stride: [1, 2, 2], padding: [1, 1, 1])
  let source = MovingBars()
  let backend = try OneDNNBackend(threads: 2)
  let network = Chain([
    try Convolution("conv1", 1, 8, window, initializer: initializer),
    try BatchNorm("norm1", 8, rectified: true),
    try Convolution("conv2", 8, 16, window, initializer: initializer),
    try BatchNorm("norm2", 16, rectified: true),
    Pooling("pool", .average, nil),
    try Dropout("dropout", rate: 0.1, seed: 0),
  ])
  let head = try Linear("fc", 16, 2, initializer: initializer)
  let training = try Training(
    backbone: network, heads: [head], shape: [source.size, 1, 8, 16, 16], type: .float32,
    on: backend)
  let trainer = try Trainer(
    training, on: source,
    by: GradientDescent(
      network.parameters + head.parameters, .init(momentum: 0.9, decay: 1e-4), on: backend),
    schedule: Schedule(rate: 0.1, course: .cosine(total: 100, floor: 0), warmUp: 5),
    options: .init(
      steps: 100, stepsPerEpoch: 20, checkpoint: "\(folder)/checkpoint.safetensors",
      checkpointEvery: 10)
  ) { results, labels in
    Verdict(
      try crossEntropy(results[0], classes: 2, labels: labels),
      metrics: ["accuracy": try accuracy(results[0], classes: 2, labels: labels)])
  }
  func report(_ event: TrainingEvent) {
    switch event {
    case .step(let step): say("step \(step.step) loss \(step.loss) rate \(step.rate)")
    case .epoch(let epoch):
      say("epoch \(epoch.epoch) loss \(epoch.loss) accuracy \(epoch.metrics["accuracy"] ?? 0)")
    case .checkpoint(let steps): say("checkpoint after \(steps) steps")
    }
  }
  return try trainer.run(
    shouldStop: { stopIsWanted.load(ordering: .relaxed) }, report: report)
}

guard CommandLine.arguments.count == 2 else {
  say("usage: train-tiny FOLDER", to: .standardError)
  exit(2)
}
for number in [SIGINT, SIGTERM] {
  signal(number) { _ in stopIsWanted.store(true, ordering: .relaxed) }
}
do {
  let folder = CommandLine.arguments[1]
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  let end = try train(in: folder)
  let share = Int((end.time.waitingShare * 100).rounded())
  say("\(end.isComplete ? "complete" : "stopped") after \(end.steps) steps; \(share) % waiting")
} catch {
  say("train-tiny: \(error)", to: .standardError)
  exit(1)
}
