import Foundation
import Pipelines
import StageKit

extension TableCell {
  /// The cells that an instance made: a port of type `cells` holds them.
  ///
  /// - Throws: `Failure` where the port holds something else; `EnvironmentError` of the store
  static func read(
    _ outputs: [Artifact], of instance: Instance, in store: any ArtifactStore
  ) throws -> [TableCell] {
    struct Cells: Decodable {
      struct Cell: Decodable {
        var row: String
        var column: String
        var text: String
        var value: Double?
        var aggregate: String
        var n: Int
        var sources: [[String: String]]?
      }
      var cells: [Cell]
    }
    var found: [TableCell] = []
    for (port, artifact) in zip(instance.outputs, outputs)
    where port.type == "cells" && artifact.form == .file {
      let bytes = try store.read(artifact.digest)
      guard let table = try? JSONDecoder().decode(Cells.self, from: Data(bytes)) else {
        throw Failure(
          instance: instance.address, item: nil,
          message: "output '\(port.name)' holds no cells: {\"cells\": [{row, column, text, …}]}")
      }
      found += table.cells.map {
        TableCell(
          table: instance.address, row: $0.row, column: $0.column, text: $0.text, value: $0.value,
          aggregate: $0.aggregate, n: $0.n, keys: $0.sources ?? [])
      }
    }
    return found
  }
}
