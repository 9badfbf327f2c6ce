internal import StageKit

/// What is known of a scan beside its frames: maps, landmarks, gaze, truth and labels, each where it
/// was given.
struct ScanAnnotations {
  /// A share of a frame's width and height, from its upper left corner.
  typealias Place = (x: Double, y: Double)

  /// A piece of the way of the gaze.
  struct TrailLine {
    var from: Place
    var to: Place
    /// As a share of the trail: 0 new to 1 old.
    var age: Double
  }

  /// Paths; `nil` where an input is not connected.
  struct Paths {
    var maps: String?
    var landmarks: String?
    var fixations: String?
    var labels: String?
    var truth: String?
  }

  let maps: MapSet?
  let hasLandmarks: Bool
  let hasGaze: Bool
  let hasTruth: Bool
  let hasLabels: Bool
  private let set: FrameSet
  /// By index in the frames, and in their order.
  private let landmarks: [(frame: Int, places: [Place])]
  private let fixations: [FixationFile.Point]
  private let structures: [Int: [Place]]
  private let labels: LabelFile?
  /// How many frames of the video the trail of gaze covers.
  private let trail: Int

  /// Longest stretch of unknown gaze that a trail is drawn across, in frames of the video: what
  /// `gaze` bridges at most.
  private static let longestGap = 5
  private static let trailSeconds = 0.4

  /// - Throws: `StageFailure` where a file cannot be read, or belongs to another scan
  init(of set: FrameSet, _ paths: Paths) throws {
    self.set = set
    let maps = try paths.maps.map { try MapSet(path: $0) }
    self.maps = maps
    if let maps { try ScanAnnotations.check(maps, against: set) }
    let found = try paths.landmarks.map { path in
      let landmarks = try LandmarkFile.read(path)
      try ScanAnnotations.check(landmarks, path, against: set, maps)
      return landmarks
    }
    landmarks = Dictionary(grouping: found ?? [], by: \.frame).sorted { $0.key < $1.key }
      .map { frame, landmarks in
        let places = landmarks.map {
          (x: ($0.x + 0.5) / Double($0.grid[1]), y: ($0.y + 0.5) / Double($0.grid[0]))
        }
        return (frame, places.filter(ScanAnnotations.isShown))
      }
    fixations = try paths.fixations.map { try FixationFile(path: $0).points } ?? []
    structures = Dictionary(
      grouping: try paths.truth.map { try TruthFile(path: $0).structures } ?? [], by: \.frame
    ).mapValues {
      $0.map { set.geometry.place(x: $0.x, y: $0.y) }.filter(ScanAnnotations.isShown)
    }
    labels = try paths.labels.map { try LabelFile(path: $0) }
    hasLandmarks = paths.landmarks != nil
    hasGaze = paths.fixations != nil
    hasTruth = paths.truth != nil
    hasLabels = paths.labels != nil
    trail = Int((ScanAnnotations.trailSeconds * set.sourceFramesPerSecond).rounded())
  }

  // MARK: A frame

  /// The newest map at or before a frame, as shares of its maximum, row by row; zeros where it is 0
  /// everywhere.
  ///
  /// - Throws: `StageFailure` naming the map that is negative or not finite
  func saliency(atFrame frame: Int) throws -> [Float]? {
    guard let maps, let index = newest(at: frame, in: maps.frameIndex, { $0 }) else { return nil }
    let values = maps.maps.withRow(index) { Array($0) }
    guard values.allSatisfy({ $0 >= 0 && $0.isFinite }), let peak = values.max() else {
      throw StageFailure(
        "map \(index) of '\(maps.path)' has values that are negative or not finite; expected a "
          + "density as 'saliency' writes it")
    }
    return peak > 0 ? values.map { $0 / peak } : values
  }

  /// Those of the newest frame with landmarks at or before a frame.
  func landmarks(atFrame frame: Int) -> [Place] {
    newest(at: frame, in: landmarks, \.frame).map { landmarks[$0].places } ?? []
  }

  /// Where somebody looks in a frame; `nil` where it is not known.
  func gaze(atFrame frame: Int) -> Place? {
    let source = set.sourceFrames[frame]
    guard let index = newest(at: source, in: fixations, \.frame),
      fixations[index].frame == source
    else { return nil }
    return place(fixations[index])
  }

  /// The way of the gaze up to a frame, older lines first.
  func gazeTrail(atFrame frame: Int) -> [TrailLine] {
    let source = set.sourceFrames[frame]
    guard trail > 0, var index = newest(at: source, in: fixations, \.frame) else { return [] }
    var lines: [TrailLine] = []
    while index > 0, fixations[index - 1].frame >= source - trail {
      let (from, to) = (fixations[index - 1], fixations[index])
      if to.frame - from.frame <= ScanAnnotations.longestGap {
        let age = Double(source - to.frame) / Double(trail)
        lines.append(TrailLine(from: place(from), to: place(to), age: age))
      }
      index -= 1
    }
    return lines.reversed()
  }

  /// The centres of the structures that a frame really shows.
  func structures(atFrame frame: Int) -> [Place] { structures[set.sourceFrames[frame]] ?? [] }

  func label(atFrame frame: Int) -> String? { labels?.label(ofFrame: set.sourceFrames[frame]) }

  private static func isShown(_ place: Place) -> Bool {
    (0...1).contains(place.x) && (0...1).contains(place.y)
  }

  private func place(_ point: FixationFile.Point) -> Place {
    set.geometry.place(x: point.x, y: point.y)
  }

  // MARK: Checks

  private static func check(_ maps: MapSet, against set: FrameSet) throws {
    guard maps.grid.allSatisfy({ $0 > 0 }) else {
      throw StageFailure("'\(maps.path)' has maps of \(maps.grid) cells; expected at least one")
    }
    // A file from elsewhere says nothing of the picture, and has its own grid there.
    let says = maps.geometry != FrameGeometry(sourceSize: maps.grid)
    guard
      !says
        || maps.geometry.crop == set.geometry.crop
          && maps.geometry.sourceSize == set.geometry.sourceSize
    else {
      func words(_ geometry: FrameGeometry) -> String {
        "the part \(geometry.crop) of a picture of \(geometry.sourceSize) pixels"
      }
      throw StageFailure(
        "'\(maps.path)' shows \(words(maps.geometry)), the frames of '\(set.path)' show "
          + "\(words(set.geometry)); expected maps of these frames")
    }
    var before = -1
    for (index, frame) in maps.frameIndex.enumerated() {
      guard frame > before else {
        throw StageFailure(
          "map \(index) of '\(maps.path)' is for frame \(frame), after one for \(before); expected "
            + "rising frames")
      }
      before = frame
      try check(frame, time: maps.times[index], "map \(index) of '\(maps.path)'", against: set)
    }
  }

  static func check(
    _ landmarks: [Landmark], _ path: String, against set: FrameSet, _ maps: MapSet? = nil
  ) throws {
    for (number, landmark) in landmarks.enumerated() {
      let name = "landmark \(number) of '\(path)'"
      try check(landmark.frame, time: landmark.time, name, against: set)
      if let maps, maps.grid != landmark.grid {
        throw StageFailure(
          "\(name) is on a grid of \(landmark.grid) cells, the maps of '\(maps.path)' have "
            + "\(maps.grid); expected landmarks of these maps")
      }
    }
  }

  private static func check(
    _ frame: Int, time: Double, _ name: String, against set: FrameSet
  ) throws {
    guard set.times.indices.contains(frame) else {
      throw StageFailure(
        "\(name) is for frame \(frame); '\(set.path)' has \(set.count) frames: they are of another "
          + "scan")
    }
    guard abs(set.times[frame] - time) <= 1e-3 else {
      throw StageFailure(
        "\(name) is for frame \(frame) at \(time) s, which '\(set.path)' has at "
          + "\(set.times[frame]) s: they are of another scan")
    }
  }
}

/// The last element at or below `limit`, of elements in rising order.
func newest<Element, Key: Comparable>(
  at limit: Key, in elements: [Element], _ key: (Element) -> Key
) -> Int? {
  var (low, high) = (0, elements.count)
  while low < high {
    let middle = (low + high) / 2
    if key(elements[middle]) <= limit { low = middle + 1 } else { high = middle }
  }
  return low > 0 ? low - 1 : nil
}

extension FrameSet {
  /// Seconds from a frame to the next on average; 1/25 where there is one frame alone.
  var secondsPerFrame: Double {
    guard count > 1, times[count - 1] > times[0] else { return 1 / 25 }
    return (times[count - 1] - times[0]) / Double(count - 1)
  }

  /// Of the video that the frames come from.
  var sourceFramesPerSecond: Double {
    guard count > 1, times[count - 1] > times[0] else { return 25 }
    return Double(sourceFrames[count - 1] - sourceFrames[0]) / (times[count - 1] - times[0])
  }
}
