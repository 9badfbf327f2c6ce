internal import Foundation
internal import Learning
internal import StageKit
internal import Synchronization

/// How `saliency` predicts by a network: its options, and where the weights come from.
struct NetworkSaliency {
  /// A file of the user; `nil` where the weights come from the input.
  let weights: String?
  let precision: Precision
  /// Which copies of a frame have their maps averaged.
  let average: Flip.Average

  init(options: inout OptionReader) throws(Diagnostic) {
    weights = try options.filesIfGiven(
      "weights", help: "with vam, a safetensors file instead of the input 'model'")
    precision = try options.precision(default: .float32)
    average = try options.average(of: "with vam, the mean of maps")
  }

  /// Loads the model that the input or the option names.
  ///
  /// - Throws: `StageFailure` where both or none are given, or where the frames are of another size
  func open(in context: StageContext, for set: FrameSet) throws -> NetworkMapping {
    let path = try path(in: context)
    let model = try SaliencyModel(path: path)
    let size = [set.height, set.width]
    guard set.count > 0 else { return try NetworkMapping(model, size: model.size ?? [8, 8], self) }
    try model.check(frameSize: size, of: set.path)
    return try NetworkMapping(model, size: size, self, threads: context.cpus)
  }

  private func path(in context: StageContext) throws -> String {
    let hasModel = context.has(SaliencyStage.model)
    switch (weights, hasModel) {
    case (nil, true): return try context.path(SaliencyStage.model)
    case (nil, false):
      throw StageFailure(
        "method vam needs a network: connect the input 'model' to saliency_train, or name a "
          + "safetensors file in the option 'weights'")
    case (let weights?, true):
      throw StageFailure(
        "both the input 'model' and the option 'weights' ('\(weights)') are given; expected one")
    case (let weights?, false): return try context.weightsFile(weights)
    }
  }
}

/// A network with a copy for each processor.
///
/// Each copy computes on one thread, and each map depends on its own frame alone: bytes are the same
/// for any number of processors.
struct NetworkMapping {
  let grid: [Int]
  let metadata: [String: String]
  private let flips: [Flip]
  private let copies: [Copy]
  /// How many frames a copy maps at once.
  private static let batch = 16

  private final class Copy: @unchecked Sendable {
    // Sendable: one thread at a time uses a copy, which shares nothing that changes.
    let predictor: SaliencyPredictor
    init(_ predictor: SaliencyPredictor) { self.predictor = predictor }
  }

  fileprivate init(
    _ model: SaliencyModel, size: [Int], _ options: NetworkSaliency, threads: Int = 0
  ) throws {
    grid = SaliencyVAM.grid(ofFrames: size)
    flips = Flip.of(options.average)
    metadata = ["precision": options.precision.rawValue].merging(
      options.average == .none ? [:] : ["average": options.average.rawValue]
    ) { $1 }
    copies = try (0..<threads).map { _ in
      let backend = try OneDNNBackend(threads: 1)
      return Copy(
        try SaliencyPredictor(
          model.network, size: size, batch: NetworkMapping.batch,
          type: options.precision.resolved(on: backend), on: backend))
    }
  }

  /// The maps of frames, in order.
  func maps(of indexes: [Int], in set: FrameSet) throws -> [[Float]] {
    let share = (indexes.count + copies.count - 1) / copies.count
    let parts = Mutex([Result<[Float], any Error>?](repeating: nil, count: copies.count))
    DispatchQueue.concurrentPerform(iterations: copies.count) { number in
      let first = min(number * share, indexes.count)
      let own = indexes[first..<min(first + share, indexes.count)]
      let result = Result { try maps(of: Array(own), in: set, by: copies[number].predictor) }
      parts.withLock { $0[number] = result }
    }
    return try parts.withLock { $0 }.map { try $0?.get() ?? [] }
  }

  private func maps(
    of indexes: [Int], in set: FrameSet, by predictor: SaliencyPredictor
  ) throws -> [Float] {
    try predictor.maps(of: indexes.count, averaging: flips) { number, body in
      set.frames.withRow(indexes[number], body)
    }.flatMap(\.self)
  }
}
