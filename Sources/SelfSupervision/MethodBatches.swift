public import Learning
internal import StageKit

/// The batches of a method: clips drawn, varied, changed in a way to be recognised, and rendered.
///
/// All that is random comes from (seed, purpose, step, place in the batch): equal ones give equal
/// batches, whatever was made before and on which thread. A batch is `[rows, channels, t, h, w]`, rows
/// being samples times pieces, the pieces of a sample next to each other.
public struct MethodBatches: BatchSource {
  /// What the network should have said.
  public struct Targets: Sendable {
    /// `[objective][row]`, or `[objective][sample]` where the objective's head joins pieces.
    public var answers: [[Answer]]
    /// Which draw of the batch each comes from; the shape of `answers`.
    public var draws: [[Int]]

    public init(answers: [[Answer]], draws: [[Int]]) {
      self.answers = answers
      self.draws = draws
    }
  }

  public let seed: Int
  /// How many segments are never drawn from, since they are shorter than a sample.
  public var segmentsLeftOut: Int { draws.leftOut }
  /// Classes of the labels of which no clip can be drawn, since all their segments are too short.
  public var classesLeftOut: [String] { draws.labelsLeftOut.map { scans.classes[$0] } }
  private let method: Method
  private let scans: ScanSet
  private let frames: Int
  private let batch: Int
  private let purpose: String
  private let renderer: Renderer
  private let draws: Draws

  /// - Parameters:
  ///   - clip: frames of a clip where the method's sampler does not say
  ///   - size: [height, width] of a rendered frame, in pixels
  ///   - channels: 1, or 3 that are all alike
  ///   - batch: samples, a multiple of the sampler's copies
  ///   - purpose: what the batches are for, such as `training`; others draw others
  /// - Throws: `LearningError` where the method does not fit the scans or the batch
  public init(
    _ method: Method, of scans: ScanSet, clip: Int, size: [Int], channels: Int = 1, batch: Int,
    seed: Int, purpose: String
  ) throws {
    let sampler = method.sampler
    guard batch >= 1, batch.isMultiple(of: sampler.copies) else {
      throw LearningError(
        .badSetting,
        "a batch of \(batch) samples cannot be shared out to draws of \(sampler.copies) copies; take"
          + " a multiple of \(sampler.copies)")
    }
    renderer = try Renderer(size: size, channels: channels)
    if method.augmentation.staysInFan { try MethodBatches.checkInsides(of: scans) }
    let onlyLabelled = method.objectives.contains { $0.transform.target == .labels }
    draws = try Draws(sampler, of: scans, clip: clip, onlyLabelled: onlyLabelled)
    frames = sampler.frames ?? clip
    (self.method, self.scans, self.batch) = (method, scans, batch)
    (self.seed, self.purpose) = (seed, purpose)
  }

  private static func checkInsides(of scans: ScanSet) throws {
    for scan in scans.scans {
      let (inside, height, width) = (scan.inside, scan.frames.height, scan.frames.width)
      guard inside.count == 4, inside[0] >= 0, inside[1] >= 0, inside[2] >= 2, inside[3] >= 2,
        inside[2] <= height - inside[0], inside[3] <= width - inside[1]
      else {
        throw LearningError(
          .badShape,
          "the rectangle inside the fan of scan '\(scan.id)' is \(inside), of frames of"
            + " [\(height), \(width)]; expected [top, left, height, width] of at least 2 x 2 pixels"
        )
      }
    }
  }

  /// Of a batch: `[rows, channels, t, h, w]`.
  public var shape: [Int] {
    [batch * method.sampler.pieces, renderer.channels, frames] + renderer.size
  }

  public func batch(at step: Int) throws -> Batch<Targets> {
    let (samples, answers) = try samples(at: step)
    let row = shape.dropFirst().reduce(1, *)
    let count = shape[0] * row
    let values = try [Float](unsafeUninitializedCapacity: count) { buffer, filled in
      var place = 0
      for sample in samples {
        for clip in sample.clips {
          let part = UnsafeMutableBufferPointer(rebasing: buffer[place..<place + row])
          try renderer.render(clip, of: scans.scans[sample.scan], into: part)
          place += row
        }
      }
      filled = count
    }
    return Batch(values, targets: targets(answers))
  }

  private func targets(_ answers: [[Answer]]) -> Targets {
    let (pieces, copies) = (method.sampler.pieces, method.sampler.copies)
    var targets = Targets(answers: [], draws: [])
    for (objective, answers) in zip(method.objectives, answers) {
      let repeats = objective.head.joinsPieces ? 1 : pieces
      targets.answers.append(answers.flatMap { Array(repeating: $0, count: repeats) })
      targets.draws.append(
        answers.indices.flatMap { Array(repeating: $0 / copies, count: repeats) })
    }
    return targets
  }

  /// Samples before they have pixels, and answers `[objective][sample]`.
  package func samples(at step: Int) throws -> ([Sample], [[Answer]]) {
    var samples = drawn(at: step)
    var answers: [[Answer]] = []
    for (index, objective) in method.objectives.enumerated() {
      let found = try self.answers(of: objective.transform, index, to: samples, at: step)
      for place in samples.indices {
        var random = random("transform \(index)", step, place)
        try objective.transform.apply(
          found[place], to: &samples[place], size: renderer.size, using: &random)
      }
      answers.append(found)
    }
    for sample in samples {
      guard sample.clips.count == method.sampler.pieces,
        sample.clips.allSatisfy({ $0.frames.count == frames })
      else {
        throw LearningError(
          .badShape,
          "a transform made \(sample.clips.map(\.frames.count)) frames of"
            + " \(method.sampler.pieces) clips of \(frames)")
      }
    }
    return (samples, answers)
  }

  private func drawn(at step: Int) -> [Sample] {
    let copies = method.sampler.copies
    let count = batch / copies
    let turns = EvenClasses(
      classes: draws.classes, copies: 1, seed: seed, purpose: "\(purpose) labels"
    ).classes(of: step * count..<(step + 1) * count)
    let reach = method.objectives.map { $0.transform.reach(size: renderer.size) }.reduce(1, *)
    return (0..<count).flatMap { draw in
      var start = random("draw", step, draw)
      var samples = draws.draw(turn: turns[draw], using: &start)
      for copy in samples.indices {
        var change = random(
          "change", step, draw * copies + (method.augmentation.isShared ? 0 : copy))
        method.augmentation.apply(
          to: &samples[copy], in: scans.scans[samples[copy].scan], size: renderer.size,
          reach: reach, using: &change)
      }
      return samples
    }
  }

  private func answers(
    of transform: any Transform, _ index: Int, to samples: [Sample], at step: Int
  ) throws -> [Answer] {
    switch transform.target {
    case .classes(let names):
      guard !names.isEmpty else {
        throw LearningError(.badSetting, "a transform has no class to recognise; give it some")
      }
      return EvenClasses(
        classes: names.count, copies: method.sampler.copies, seed: seed,
        purpose: "\(purpose) classes \(index)"
      ).classes(of: step * batch..<(step + 1) * batch).map { .index($0) }
    case .labels:
      return try samples.map { sample in
        guard let label = sample.label else {
          throw LearningError(.badSetting, "a segment without a label was drawn")
        }
        return .index(label)
      }
    case .numbers, .identity:
      return samples.indices.map { place in
        var random = random("answer \(index)", step, place)
        return transform.draw(using: &random)
      }
    }
  }

  private func random(_ purpose: String, _ step: Int, _ place: Int) -> CounterRandom {
    CounterRandom(
      seed: seed, kind: "pretrain", item: "\(step) \(place)", purpose: "\(self.purpose) \(purpose)")
  }
}
