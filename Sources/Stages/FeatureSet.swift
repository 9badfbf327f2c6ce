internal import Analysis
internal import Charts
internal import Foundation
internal import StageKit

/// How feature rows are scaled before they are clustered.
enum Normalisation: String, CaseIterable {
  /// Each row divided by its Euclidean norm; a row of zeros stays one.
  case l2
  case none
}

/// All rows of the features that a stage is given, one entry after the other.
struct FeatureSet {
  /// Columns of the entries' keys; `item` where there is a single entry without one.
  let keyColumns: [String]
  /// Of each row: the key of its entry, and its number within the entry.
  let places: [(key: [String], row: Int)]
  let points: Matrix<Float>

  /// Reads `features.safetensors` of every entry of `input`, sorted by key.
  ///
  /// - Throws: where a file is bad, or two entries have rows of different lengths
  init(_ input: Input, in context: StageContext) throws {
    var columns = ["item"]
    var places: [(key: [String], row: Int)] = []
    var elements: [Float] = []
    var dimension: (count: Int, path: String)?
    for entry in try context.entries(input) {
      let key = entry.key.isEmpty ? [""] : entry.key.map(\.value)
      if !entry.key.isEmpty { columns = entry.key.map(\.column) }
      let path = entry.path + "/features.safetensors"
      let tensor = try SafetensorsFile(path: path).tensor("features", of: Float.self, rank: 2)
      let (rows, width) = (tensor.shape[0], tensor.shape[1])
      if rows > 0 {
        if let first = dimension, first.count != width {
          throw StageFailure(
            "features '\(path)' have \(width) columns; those of '\(first.path)' have \(first.count)"
          )
        }
        dimension = dimension ?? (width, path)
        places += (0..<rows).map { (key, $0) }
        elements += tensor.array
      }
    }
    keyColumns = columns
    self.places = places
    points = Matrix(rows: places.count, columns: dimension?.count ?? 0, elements: elements)
    if let bad = elements.firstIndex(where: { !$0.isFinite }) {
      let place = places[bad / points.columns]
      throw StageFailure(
        "features of '\(place.key.joined(separator: ", "))', row \(place.row), "
          + "column \(bad % points.columns): \(elements[bad]) is not finite")
    }
  }

  func points(_ normalisation: Normalisation) -> Matrix<Float> {
    normalisation == .l2 ? points.normalisingRows() : points
  }
}

/// A folder of type `clusters`: `centroids.safetensors` (`centroids` f32 `[k, d]`, in the scale of
/// its metadata `normalise`) and `assignments.csv` (columns of the features' keys, `row`,
/// `cluster`).
struct ClusterFolder {
  var centroids: Matrix<Double>
  var labels: [Int]
  var normalisation: Normalisation

  /// - Parameters:
  ///   - keyColumns: of the entries' keys
  ///   - places: of each row, the key of its entry and its number within the entry
  func write(
    to folder: String, keyColumns: [String], places: some Sequence<(key: [String], row: Int)>
  ) throws {
    try SafetensorsWriter.write(
      [
        .init(
          "centroids", centroids.elements.map { Float($0) },
          shape: [centroids.rows, centroids.columns])
      ],
      metadata: ["normalise": normalisation.rawValue], to: folder + "/centroids.safetensors")
    var text = ""
    CSVFile.append(keyColumns + ["row", "cluster"], to: &text)
    for (place, label) in zip(places, labels) {
      CSVFile.append(place.key + ["\(place.row)", "\(label)"], to: &text)
    }
    try writeText(text, to: folder + "/assignments.csv")
  }

  /// Reads what `write` wrote, and checks that it belongs to `features`, row by row.
  init(folder: String, for features: FeatureSet) throws {
    let centroidPath = folder + "/centroids.safetensors"
    let file = try SafetensorsFile(path: centroidPath)
    let tensor = try file.tensor("centroids", of: Float.self, rank: 2)
    let scale = file.metadata["normalise"] ?? ""
    guard let normalisation = Normalisation(rawValue: scale) else {
      throw StageFailure("'\(centroidPath)' does not say whether rows were normalised ('\(scale)')")
    }
    self.normalisation = normalisation
    centroids = Matrix(
      rows: tensor.shape[0], columns: tensor.shape[1], elements: tensor.array.map { Double($0) })

    let path = folder + "/assignments.csv"
    let table: CSVFile
    do {
      table = try CSVFile(text: String(contentsOfFile: path, encoding: .utf8))
    } catch let error as CSVError {
      throw StageFailure("assignments '\(path)': \(error)")
    }
    let expected = features.keyColumns + ["row", "cluster"]
    guard table.columns == expected else {
      throw StageFailure(
        "assignments '\(path)' have the columns \(table.columns); expected \(expected)")
    }
    guard table.rows.count == features.places.count else {
      throw StageFailure(
        "'\(path)' assigns \(table.rows.count) rows; the features have \(features.places.count): "
          + "both must be of the same features")
    }
    labels = try zip(table.rows, features.places).map { cells, place in
      guard Array(cells.dropLast()) == place.key + ["\(place.row)"],
        let label = Int(cells.last ?? "")
      else {
        throw StageFailure(
          "'\(path)' assigns '\(cells.joined(separator: ","))' where the features have row "
            + "\(place.row) of '\(place.key.joined(separator: ", "))'")
      }
      return label
    }
  }

  init(centroids: Matrix<Double>, labels: [Int], normalisation: Normalisation) {
    self.centroids = centroids
    self.labels = labels
    self.normalisation = normalisation
  }
}
