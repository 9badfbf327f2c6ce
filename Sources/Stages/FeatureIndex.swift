internal import Charts
internal import StageKit

/// The file `index.csv` of a folder of type `features`: the landmark behind each row.
///
/// CSV: `scan` (the item, empty without one), the columns of landmarks, `structure` (the name of the
/// nearest true structure, empty where none is near or known) and `class` (the label of the frame,
/// empty where it has none).
struct FeatureIndex {
  static let columns = ["scan"] + LandmarkFile.columns + ["structure", "class"]

  let scan: String
  /// By frame of the video.
  private let structures: [Int: [TruthFile.Structure]]
  private let labels: LabelFile?
  private let within: Double

  /// - Parameters:
  ///   - within: the distance up to which a landmark is at a structure, as `LandmarkComparison` has it
  init(scan: String, truth: TruthFile?, labels: LabelFile?, within: Double) {
    self.scan = scan
    structures = Dictionary(grouping: truth?.structures ?? [], by: \.frame)
    self.labels = labels
    self.within = within
  }

  func text(_ landmarks: [Landmark]) -> String {
    var text = ""
    CSVFile.append(FeatureIndex.columns, to: &text)
    for landmark in landmarks {
      let cells = LandmarkFile.line(landmark).split(separator: ",").map(String.init)
      CSVFile.append(
        [scan] + cells + [structure(at: landmark), label(of: landmark)], to: &text)
    }
    return text
  }

  private func structure(at landmark: Landmark) -> String {
    let near = (structures[landmark.sourceFrame] ?? [])
      .map { (name: $0.name, distance: $0.distance(to: landmark)) }
      .filter { $0.distance <= within }
    return near.min { $0.distance < $1.distance }?.name ?? ""
  }

  private func label(of landmark: Landmark) -> String {
    labels?.label(ofFrame: landmark.sourceFrame) ?? ""
  }
}
