internal import Learning
internal import SelfSupervision

/// What a network under training makes of clips from groups that it does not learn from.
///
/// The clips are the same at every look, whatever the seed of the training.
final class HeldOutClips {
  private let method: Method
  private let batches: MethodBatches
  private let count: Int
  private let program: Program
  private let clips: Tensor
  private let results: [Tensor]

  /// - Parameter count: how many batches are looked at
  init(
    _ method: Method, in batches: MethodBatches, count: Int, network: ResNet3D,
    heads: [any Layer], type: ElementType, on backend: any Backend
  ) throws {
    (self.method, self.batches, self.count) = (method, batches, count)
    let program = Program(on: backend, mode: .inference, type: type)
    clips = try program.input(batches.shape)
    let features = try network.forward(clips, in: program).0
    results = try heads.map { try program.output($0.forward(features, in: program).0) }
    try program.finish()
    self.program = program
  }

  /// The loss and the method's metrics, means over all batches, with the weights as they are now.
  func worth() throws -> [String: Double] {
    try program.refresh()
    var sums: [String: Double] = [:]
    for index in 0..<count {
      let batch = try batches.batch(at: index)
      try program.write(batch.values, to: clips)
      try program.forward()
      let verdict = try method.judge(results.map { try program.read($0) }, batch.targets)
      sums.merge(verdict.metrics, uniquingKeysWith: +)
      sums["loss", default: 0] += verdict.losses.reduce(0) { $0 + $1.value }
    }
    return sums.mapValues { $0 / Double(count) }
  }

  /// How many answers stand behind each accuracy of `worth`, by its name.
  func answers() throws -> [String: Int] {
    let answers = try batches.batch(at: 0).targets.answers
    let counts = zip(method.accuracyNames, answers).compactMap { name, answers in
      name.map { ($0, answers.count * count) }
    }
    return Dictionary(counts) { first, _ in first }
  }
}
