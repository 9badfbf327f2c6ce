internal import StageKit

/// Which frames stand for a scan.
enum FrameChoice {
  /// Frames spread evenly; where there are labels, at least one of each run of a label, and more of
  /// the longer ones. Where that is too many, one of each of the longest runs.
  ///
  /// - Parameters:
  ///   - labels: of each frame that may be taken
  ///   - count: how many to take; all where there are no more
  /// - Returns: rising indexes into `labels`
  static func spread(_ count: Int, over labels: [String?]) -> [Int] {
    guard labels.count > count else { return Array(labels.indices) }
    var runs: [Range<Int>] = []
    for index in labels.indices {
      if let last = runs.last, labels[last.lowerBound] == labels[index] {
        runs[runs.count - 1] = last.lowerBound..<index + 1
      } else {
        runs.append(index..<index + 1)
      }
    }
    if runs.count > count {
      // Long runs are planes that were held, short ones the way between them.
      let longest = runs.indices.sorted { (runs[$1].count, $0) < (runs[$0].count, $1) }
      runs = longest.prefix(count).sorted().map { runs[$0] }
    }
    var shares = Array(repeating: 1, count: runs.count)
    for _ in runs.count..<max(count, runs.count) {
      // The run whose frames are the most sparsely taken.
      let next = runs.indices.filter { shares[$0] < runs[$0].count }.max {
        runs[$0].count * (shares[$1] + 1) < runs[$1].count * (shares[$0] + 1)
      }
      guard let next else { break }
      shares[next] += 1
    }
    return zip(runs, shares).flatMap { even($1, of: $0) }
  }

  /// The middles of `count` equal parts.
  private static func even(_ count: Int, of range: Range<Int>) -> [Int] {
    (0..<count).map { range.lowerBound + (2 * $0 + 1) * range.count / (2 * count) }
  }

  /// When the stretch of `seconds` begins in which most moves: where the differences of neighbouring
  /// frames sum to the most.
  static func eventfulStart(of set: FrameSet, seconds: Double) -> Double {
    let end = set.times[set.count - 1] + set.secondsPerFrame
    guard end - set.times[0] > seconds else { return set.times[0] }
    // Sums of motion up to each frame.
    var motion = [0.0]
    for frame in 1..<set.count {
      motion.append(motion[frame - 1] + difference(frame - 1, frame, of: set))
    }
    var best = (start: 0, motion: -1.0)
    for start in 0..<set.count where set.times[start] + seconds <= end + 1e-6 {
      let last = newest(at: set.times[start] + seconds - 1e-3, in: set.times) { $0 } ?? start
      if motion[last] - motion[start] > best.motion {
        best = (start, motion[last] - motion[start])
      }
    }
    return set.times[best.start]
  }

  /// The mean absolute difference of two frames, in grey levels, of every fifth pixel.
  private static func difference(_ first: Int, _ second: Int, of set: FrameSet) -> Double {
    set.frames.withRow(first) { a in
      set.frames.withRow(second) { b in
        var sum = 0
        for pixel in stride(from: 0, to: a.count, by: 5) {
          sum += abs(Int(a[pixel]) - Int(b[pixel]))
        }
        return Double(sum) / Double((a.count + 4) / 5)
      }
    }
  }
}
