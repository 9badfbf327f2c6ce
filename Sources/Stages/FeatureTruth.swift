internal import Foundation
internal import StageKit

extension FeatureSet {
  /// What `index.csv` of each entry says of its rows in a column such as `class`, where it has that
  /// column: `nil` for a row of which it is not known.
  ///
  /// - Returns: a value for each row; `nil` where no entry has the column
  /// - Throws: `StageFailure` where an index has not as many rows as the features
  func truth(_ column: String, _ input: Input, in context: StageContext) throws -> [String?]? {
    var values: [String?] = []
    var isThere = false
    let sizes = Dictionary(grouping: places, by: \.key).mapValues(\.count)
    for entry in try context.entries(input) {
      let size = sizes[entry.key.isEmpty ? [""] : entry.key.map(\.value)] ?? 0
      let path = entry.path + "/index.csv"
      guard FileManager.default.fileExists(atPath: path),
        case let table = try TextTable(path: path, isCommaSeparated: true),
        let place = table.optionalColumn(column)
      else {
        values += [String?](repeating: nil, count: size)
        continue
      }
      guard table.rows.count == size else {
        throw StageFailure(
          "'\(path)' has \(table.rows.count) rows; the features beside it have \(size)")
      }
      isThere = true
      values += table.rows.map { $0[place].isEmpty ? nil : $0[place] }
    }
    return isThere ? values : nil
  }
}
