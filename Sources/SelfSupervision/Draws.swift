internal import CSelfSupervision
internal import Learning
internal import StageKit

/// Every place of a set where a sampler's clips may begin, and how likely each is.
///
/// Segments shorter than what a sample reaches over are left out. A segment is as likely as it is
/// long and its places alike; where starts follow motion, a place is as likely as much moves in the
/// frames that a sample from there reaches over, wherever it is.
struct Draws: Sendable {
  /// From the first frame of a sample to its last, both counted.
  let reach: Int
  /// How many segments are too short.
  let leftOut: Int
  /// Labels of which all segments are too short, in rising order.
  let labelsLeftOut: [Int]
  /// One for each class that can be drawn where classes are balanced, else one.
  private let pools: [Pool]
  private let sampler: Sampler
  private let frames: Int

  /// - Parameters:
  ///   - clip: frames of a clip where the sampler does not say
  ///   - onlyLabelled: segments without a label are left out
  /// - Throws: `LearningError` where there is nothing to draw from
  init(_ sampler: Sampler, of set: ScanSet, clip: Int, onlyLabelled: Bool) throws {
    self.sampler = sampler
    frames = sampler.frames ?? clip
    let reach = try sampler.reach(frames: frames)
    let needsLabel = onlyLabelled || sampler.isBalanced
    var wanted: [(scan: Int, segment: Scan.Segment)] = []
    for (index, scan) in set.scans.enumerated() {
      wanted += scan.segments.filter { !needsLabel || $0.label != nil }.map { (index, $0) }
    }
    guard !wanted.isEmpty else {
      throw LearningError(
        .badSetting,
        "\(set.scans.count) scans have no \(needsLabel ? "labelled " : "")segment to draw clips from"
      )
    }
    let fitting = wanted.filter { $0.segment.frames.count >= reach }
    guard !fitting.isEmpty else {
      let longest = wanted.map(\.segment.frames.count).max() ?? 0
      throw LearningError(
        .badSetting,
        "a sample of \(sampler.pieces) x \(frames) frames with stride \(sampler.stride) and gap"
          + " \(sampler.gap) reaches over \(reach) frames; the longest of \(wanted.count) segments"
          + " has \(longest): take fewer frames, a smaller stride or longer scans")
    }
    self.reach = reach
    leftOut = wanted.count - fitting.count
    labelsLeftOut = Set(wanted.compactMap(\.segment.label))
      .subtracting(fitting.compactMap(\.segment.label)).sorted()
    let motion =
      sampler.followsMotion ? fitting.map { $0.segment.motion(of: set.scans[$0.scan].frames) } : nil
    let stretches = fitting.enumerated().map { index, place in
      Stretch(place.scan, place.segment, reach: reach, motion: motion?[index])
    }
    let labels = sampler.isBalanced ? Set(stretches.map(\.label)) : []
    pools =
      labels.isEmpty
      ? [Pool(stretches)]
      : labels.sorted { ($0 ?? -1) < ($1 ?? -1) }
        .map { label in Pool(stretches.filter { $0.label == label }) }
  }

  /// How many classes are drawn in turn.
  var classes: Int { pools.count }

  /// The copies of one draw, without any edit.
  ///
  /// - Parameter turn: which of the classes, where they are balanced
  func draw(turn: Int, using random: inout CounterRandom) -> [Sample] {
    let stretch = pools[turn].draw(using: &random)
    let first = stretch.start(using: &random)
    return (0..<sampler.copies).map { copy in
      let start = copy == 0 || !sampler.isApart ? first : stretch.start(using: &random)
      return Sample(
        scan: stretch.scan, segment: stretch.frames, label: stretch.label,
        clips: (0..<sampler.pieces).map { piece in
          let first = start + piece * (sampler.span(frames: frames) + sampler.gap)
          return ClipPlan(
            frames: (0..<frames).map { FramePlan(index: first + $0 * sampler.stride) })
        })
    }
  }
}

extension Sampler {
  /// From the first frame of a clip to its last, both counted.
  fileprivate func span(frames: Int) -> Int { (frames - 1) * stride + 1 }

  /// From the first frame of a sample to its last, both counted.
  fileprivate func reach(frames: Int) throws -> Int {
    let (steps, overflows) = (frames - 1).multipliedReportingOverflow(by: stride)
    guard frames >= 1, !overflows, max(frames, steps, gap) < 1 << 31 else {
      throw LearningError(
        .badSetting,
        "clips of \(frames) frames with stride \(stride) and gap \(gap); expected at least one frame"
          + " and no more than a scan may have")
    }
    return pieces * span(frames: frames) + (pieces - 1) * gap
  }
}

extension Scan.Segment {
  /// How much changes from each frame to the next, one less than frames: the mean absolute difference
  /// of grey levels on every eighth row.
  fileprivate func motion(of file: FrameFile) -> [Double] {
    let rows = stride(from: 0, to: file.height, by: 8)
    return frames.dropLast().map { index in
      let sum = file.withFrame(index) { first in
        file.withFrame(index + 1) { second in
          rows.reduce(UInt64(0)) { sum, row in
            guard let a = first.baseAddress, let b = second.baseAddress else { return sum }
            let start = row * file.width
            return sum + cssl_difference(Int32(file.width), a + start, b + start)
          }
        }
      }
      return Double(sum) / Double(max(1, rows.underestimatedCount * file.width))
    }
  }
}

/// A segment with the places where a sample may begin.
private struct Stretch: Sendable {
  let scan: Int
  let frames: Range<Int>
  let label: Int?
  /// In the draw of a segment.
  let weight: Double
  private let starts: Int
  /// Sums of the places' weights from the first one on; `nil` where all weigh the same.
  private let sums: [Double]?

  init(_ scan: Int, _ segment: Scan.Segment, reach: Int, motion: [Double]?) {
    self.scan = scan
    (frames, label) = (segment.frames, segment.label)
    starts = frames.count - reach + 1
    guard let motion, frames.count > 1 else {
      // A segment of one frame cannot move.
      (weight, sums) = (motion == nil ? Double(frames.count) : 0, nil)
      return
    }
    // Of a sample of one frame, what moves next, or at the end last.
    let steps = max(1, reach - 1)
    var upTo = [0.0]
    for value in motion { upTo.append(upTo[upTo.count - 1] + value) }
    var sums: [Double] = []
    for start in 0..<starts {
      let first = min(start, motion.count - steps)
      sums.append((sums.last ?? 0) + max(0, upTo[first + steps] - upTo[first]))
    }
    let total = sums[starts - 1]
    (weight, self.sums) = (total, total > 0 ? sums : nil)
  }

  func start(using random: inout CounterRandom) -> Int {
    let share = random.uniform()
    guard let sums else { return frames.lowerBound + Int(share * Double(starts)) }
    return frames.lowerBound + sums.place(of: share * sums[starts - 1])
  }
}

/// Stretches of which one is drawn by its weight.
private struct Pool: Sendable {
  private let stretches: [Stretch]
  private let sums: [Double]

  init(_ stretches: [Stretch]) {
    self.stretches = stretches
    // Where nothing moves anywhere, lengths decide.
    let still = !stretches.contains { $0.weight > 0 }
    var sums: [Double] = []
    for stretch in stretches {
      sums.append((sums.last ?? 0) + (still ? Double(stretch.frames.count) : stretch.weight))
    }
    self.sums = sums
  }

  func draw(using random: inout CounterRandom) -> Stretch {
    stretches[sums.place(of: random.uniform() * sums[sums.count - 1])]
  }
}

extension [Double] {
  /// The first place whose sum is above `value`; the last place with any weight where rounding left
  /// none.
  fileprivate func place(of value: Double) -> Int {
    var (low, high) = (0, count - 1)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] > value { high = middle } else { low = middle + 1 }
    }
    while low > 0, self[low] == self[low - 1] { low -= 1 }
    return low
  }
}
