internal import Learning
internal import SelfSupervision
internal import StageKit

/// A scan as its files say.
struct FoundScan {
  struct Run {
    var frames: Range<Int>
    var label: String?
  }

  let id: String
  let group: String
  let frames: FrameSet
  /// `nil` where nothing is learnt from labels.
  let labels: LabelFile?
  /// Unfrozen, and of one class where there are labels.
  let runs: [Run]

  init(_ entry: StageContext.Entry, in listing: ScanListing) throws {
    id = entry.id
    group = listing.group(of: entry.id)
    frames = try FrameSet(path: entry.path)
    labels = try listing.label(of: entry.id)
    runs = FoundScan.runs(of: frames, labels)
  }

  private static func runs(of frames: FrameSet, _ labels: LabelFile?) -> [Run] {
    guard let labels else { return frames.segments.map { Run(frames: $0) } }
    var runs: [Run] = []
    for segment in frames.segments {
      for frame in segment {
        guard let label = labels.label(ofFrame: frames.sourceFrames[frame]) else { continue }
        if frame > segment.lowerBound, let last = runs.last, last.label == label,
          last.frames.upperBound == frame
        {
          runs[runs.count - 1].frames = last.frames.lowerBound..<frame + 1
        } else {
          runs.append(Run(frames: frame..<frame + 1, label: label))
        }
      }
    }
    return runs
  }

  /// - Parameter classes: names of the labels' classes
  func scan(classes: [String]) throws -> Scan {
    let square = frames.geometry.square.map { [$0[0], $0[1], $0[2], $0[2]] }
    return Scan(
      id: id, group: group, frames: try FrameFile(path: frames.path),
      segments: runs.map { run in
        Scan.Segment(run.frames, label: run.label.flatMap { classes.firstIndex(of: $0) })
      },
      inside: square ?? [0, 0, frames.height, frames.width])
  }
}
