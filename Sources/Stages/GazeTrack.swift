internal import Analysis
internal import StageKit

/// The part of the video's picture that counts as looked at, and its measure of lengths.
///
/// Lengths are shares of its height along both axes, so that a circle on the screen is one.
struct GazeView {
  /// `nil` where the part is the whole picture.
  let geometry: FrameGeometry?
  /// Width by height.
  let aspect: Double

  /// - Parameter grid: [height, width] of the maps; its cells count as square where nothing is known
  ///   of the picture
  init(_ geometry: FrameGeometry?, grid: [Int]) {
    self.geometry = geometry
    let size = geometry.map { Array($0.crop[2...]) } ?? grid
    aspect = Double(size[1]) / Double(size[0])
  }

  /// From shares of the picture to shares of the part, or `nil` off it.
  func place(_ point: SIMD2<Double>) -> SIMD2<Double>? {
    let place = geometry.map { geometry in
      let place = geometry.place(x: point.x, y: point.y)
      return SIMD2(place.x, place.y)
    }
    let shown = place ?? point
    return (0...1).contains(shown.x) && (0...1).contains(shown.y) ? shown : nil
  }

  /// From shares of the part to shares of the picture.
  func source(_ place: SIMD2<Double>) -> SIMD2<Double> {
    guard let source = geometry?.sourcePlace(x: place.x, y: place.y) else { return place }
    return SIMD2(source.x, source.y).clamped(lowerBound: .zero, upperBound: .one)
  }

  /// From shares of the part to lengths.
  var scale: SIMD2<Double> { SIMD2(aspect, 1) }
}

/// A gaze, cleaned: one point for each frame where it is known.
///
/// The average of the valid eyes of one time; points off the picture dropped; the geometric median of
/// a frame's points; short gaps bridged.
/// Source: Droste et al. (IPMI 2019), and the same group's later papers.
struct GazeTrack {
  /// The average of the valid eyes of one time, in shares of the part (`GazeView`).
  struct Sample: Hashable {
    var frame: Int
    /// Seconds.
    var time: Double
    var place: SIMD2<Double>
  }

  struct Point: Hashable {
    var frame: Int
    /// Seconds: the mean of its samples' times.
    var time: Double
    var place: SIMD2<Double>
    var isBridged = false
  }

  let view: GazeView
  /// Samples on the part, in order of time.
  let samples: [Sample]
  /// How many times had a valid eye but a place off the part.
  let droppedCount: Int
  /// In order of frames.
  let points: [Point]

  /// - Parameter bridge: most frames without gaze between two with gaze that are filled, along a
  ///   straight line
  init(_ gaze: GazeFile, view: GazeView, bridge: Int) {
    self.view = view
    let averages = GazeTrack.averages(of: gaze.samples)
    samples = averages.compactMap { sample in
      view.place(sample.place).map { Sample(frame: sample.frame, time: sample.time, place: $0) }
    }
    droppedCount = averages.count - samples.count
    points = GazeTrack.bridged(GazeTrack.medians(of: samples, view: view), bridge: bridge)
  }

  /// In shares of the picture.
  private static func averages(of samples: [GazeFile.Sample]) -> [Sample] {
    runs(samples) { $0.frame == $1.frame && $0.time == $1.time }.compactMap { eyes in
      let valid = eyes.compactMap(\.position)
      guard let first = eyes.first, !valid.isEmpty else { return nil }
      let sum = valid.reduce(SIMD2<Double>.zero) { $0 + SIMD2($1.x, $1.y) }
      return Sample(frame: first.frame, time: first.time, place: sum / Double(valid.count))
    }
  }

  private static func medians(of samples: [Sample], view: GazeView) -> [Point] {
    runs(samples) { $0.frame == $1.frame }.compactMap { own in
      guard let first = own.first,
        let median = geometricMedian(of: own.map { $0.place * view.scale })
      else { return nil }
      // Scaling there and back may leave the part by a rounding.
      let place = (median / view.scale).clamped(lowerBound: .zero, upperBound: .one)
      let time = own.reduce(0) { $0 + $1.time } / Double(own.count)
      return Point(frame: first.frame, time: time, place: place)
    }
  }

  private static func bridged(_ points: [Point], bridge: Int) -> [Point] {
    var result: [Point] = []
    for point in points {
      if let last = result.last, point.frame - last.frame - 1 <= bridge {
        let steps = Double(point.frame - last.frame)
        for frame in last.frame + 1..<max(point.frame, last.frame + 1) {
          let share = Double(frame - last.frame) / steps
          result.append(
            Point(
              frame: frame, time: last.time + share * (point.time - last.time),
              place: last.place + share * (point.place - last.place), isBridged: true))
        }
      }
      result.append(point)
    }
    return result
  }

  /// Neighbours that belong together, in order.
  private static func runs<Element>(
    _ elements: [Element], _ belong: (Element, Element) -> Bool
  ) -> [ArraySlice<Element>] {
    var runs: [ArraySlice<Element>] = []
    var start = 0
    for end in 1..<max(elements.count + 1, 1)
    where end == elements.count || !belong(elements[end - 1], elements[end]) {
      runs.append(elements[start..<end])
      start = end
    }
    return runs
  }

  /// In shares of the video's picture.
  var fixations: FixationFile {
    FixationFile(
      points.map {
        let source = view.source($0.place)
        return .init(frame: $0.frame, x: source.x, y: source.y, isBridged: $0.isBridged)
      })
  }
}
