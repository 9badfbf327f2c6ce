internal import Analysis
internal import StageKit

/// The landmarks of one item beside the true structures of its frames.
///
/// A frame counts where it has both: files of landmarks do not list frames without one. Distances are
/// those on the screen, in shares of the long axis of the anatomy that the frame shows.
/// Source: Droste et al., "Discovering salient anatomical landmarks by predicting human gaze"
/// (ISBI 2020).
struct LandmarkComparison {
  /// A landmark, and the structure of its frame that is nearest to it.
  struct Match: Hashable {
    var label: String
    var structure: String
    /// As a share of the long axis.
    var distance: Double
  }

  /// A structure of a frame.
  struct Sighting: Hashable {
    var label: String
    var structure: String
    /// Whether a landmark is near enough.
    var isFound: Bool
  }

  private(set) var matches: [Match] = []
  private(set) var sightings: [Sighting] = []
  private(set) var frameCount = 0

  /// - Parameter within: the distance up to which a landmark is at a structure
  init(_ landmarks: [Landmark], _ truth: [TruthFile.Structure], within: Double) {
    let structures = Dictionary(grouping: truth, by: \.frame)
    let byFrame = Dictionary(grouping: landmarks, by: \.sourceFrame)
    for (frame, own) in byFrame.sorted(by: { $0.key < $1.key }) {
      guard let structures = structures[frame] else { continue }
      frameCount += 1
      var isFound = [Bool](repeating: false, count: structures.count)
      for landmark in own {
        let distances = structures.map { $0.distance(to: landmark) }
        for (index, distance) in distances.enumerated() where distance <= within {
          isFound[index] = true
        }
        guard let nearest = distances.indices.min(by: { distances[$0] < distances[$1] }) else {
          continue
        }
        matches.append(
          Match(
            label: structures[nearest].label, structure: structures[nearest].name,
            distance: distances[nearest]))
      }
      sightings += zip(structures, isFound).map {
        Sighting(label: $0.label, structure: $0.name, isFound: $1)
      }
    }
  }
}

extension TruthFile.Structure {
  /// On the screen, in shares of the long axis of the anatomy that the frame shows.
  func distance(to landmark: Landmark) -> Double {
    let aspect = Double(landmark.sourceSize[1]) / Double(landmark.sourceSize[0])
    let place = SIMD2((landmark.sourceX - x) * aspect, landmark.sourceY - y)
    return (place * place).sum().squareRoot() / longAxis
  }
}

/// The measures of several items together, of all or of those that a bootstrap draws.
struct LandmarkMeasures {
  private struct Sums {
    var landmarks = 0.0
    var distance = 0.0
    var within = 0.0
    var structures = 0.0
    var found = 0.0
    var frames = 0.0
  }

  enum Measure: String, CaseIterable {
    case median = "landmark_distance"
    case mean = "landmark_distance_mean"
    case within = "landmarks_within"
    case found = "structures_found"
    case landmarksPerFrame = "landmarks_per_frame"
  }

  private let items: [Sums]
  /// All distances, ascending, with their items.
  private let distances: [(value: Double, item: Int)]

  init(_ items: [LandmarkComparison], within: Double) {
    self.items = items.map { item in
      Sums(
        landmarks: Double(item.matches.count),
        distance: item.matches.reduce(0) { $0 + $1.distance },
        within: Double(item.matches.count { $0.distance <= within }),
        structures: Double(item.sightings.count),
        found: Double(item.sightings.count { $0.isFound }), frames: Double(item.frameCount))
    }
    distances = items.enumerated()
      .flatMap { index, item in item.matches.map { ($0.distance, index) } }
      .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
  }

  /// - Parameter counts: how often each item counts
  /// - Returns: `nil` where there is nothing to measure
  func value(_ measure: Measure, counts: [Int]) -> Double? {
    func ratio(_ part: KeyPath<Sums, Double>, _ whole: KeyPath<Sums, Double>) -> Double? {
      var (above, below) = (0.0, 0.0)
      for (item, count) in zip(items, counts) {
        above += Double(count) * item[keyPath: part]
        below += Double(count) * item[keyPath: whole]
      }
      return below > 0 ? above / below : nil
    }
    return switch measure {
    case .median: median(counts)
    case .mean: ratio(\.distance, \.landmarks)
    case .within: ratio(\.within, \.landmarks)
    case .found: ratio(\.found, \.structures)
    case .landmarksPerFrame: ratio(\.landmarks, \.frames)
    }
  }

  /// The mean of the two middle values, where there are two.
  private func median(_ counts: [Int]) -> Double? {
    let total = zip(items, counts).reduce(0) { $0 + Int($1.0.landmarks) * $1.1 }
    guard total > 0 else { return nil }
    var (seen, lower) = (0, nil as Double?)
    for distance in distances {
      seen += counts[distance.item]
      if lower == nil, seen > (total - 1) / 2 { lower = distance.value }
      if let lower, seen > total / 2 { return (lower + distance.value) / 2 }
    }
    return lower
  }
}
