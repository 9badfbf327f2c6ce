internal import Analysis
internal import StageKit

/// All rows of the features that a stage is given, one entry after the other, left in their files.
struct MappedFeatures: RowSource {
  let keyColumns: [String]
  let count: Int
  let dimension: Int
  private let normalisation: Normalisation
  private let entries: [Entry]
  /// The first row of each entry, and behind the last.
  private let starts: [Int]

  private struct Entry {
    var key: [String]
    var path: String
    var tensor: MappedTensor<Float>
  }

  /// - Throws: where a file is bad, or two entries have rows of different lengths
  init(_ input: Input, _ normalisation: Normalisation, in context: StageContext) throws {
    var columns = ["item"]
    var entries: [Entry] = []
    for entry in try context.entries(input) {
      if !entry.key.isEmpty { columns = entry.key.map(\.column) }
      let path = entry.path + "/features.safetensors"
      let tensor = try SafetensorsFile(path: path).tensor("features", of: Float.self, rank: 2)
      guard tensor.shape[0] > 0 else { continue }
      if let first = entries.first, first.tensor.shape[1] != tensor.shape[1] {
        throw StageFailure(
          "features '\(path)' have \(tensor.shape[1]) columns; those of '\(first.path)' have "
            + "\(first.tensor.shape[1])")
      }
      entries.append(
        Entry(
          key: entry.key.isEmpty ? [""] : entry.key.map(\.value), path: path, tensor: tensor))
    }
    keyColumns = columns
    self.normalisation = normalisation
    self.entries = entries
    starts = entries.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.tensor.shape[0]) }
    count = starts.last ?? 0
    dimension = entries.first?.tensor.shape[1] ?? 0
  }

  /// - Throws: `StageFailure` naming a value that is not finite
  func rows(_ numbers: some Collection<Int>) throws -> Matrix<Float> {
    var elements: [Float] = []
    elements.reserveCapacity(numbers.count * dimension)
    for number in numbers {
      let (entry, row) = place(of: number)
      try entry.tensor.withRow(row) { values in
        if let bad = values.firstIndex(where: { !$0.isFinite }) {
          throw StageFailure(
            "features of '\(entry.key.joined(separator: ", "))', row \(row), column \(bad): "
              + "\(values[bad]) is not finite")
        }
        elements += values
      }
    }
    let rows = Matrix(rows: numbers.count, columns: dimension, elements: elements)
    return normalisation == .l2 ? rows.normalisingRows() : rows
  }

  private func place(of number: Int) -> (Entry, row: Int) {
    var (low, high) = (0, entries.count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if starts[middle] <= number { low = middle } else { high = middle - 1 }
    }
    return (entries[low], number - starts[low])
  }

  /// The key of each row's entry, and its number within the entry.
  var places: some Sequence<(key: [String], row: Int)> {
    entries.lazy.flatMap { entry in
      (0..<entry.tensor.shape[0]).lazy.map { (entry.key, $0) }
    }
  }
}
